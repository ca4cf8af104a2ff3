package flow

// The small enumerations of a Record. Zero always means "not known" or the plain case, and each
// has one list of names, which the text form and the documents share.

// Kind says what a Record stands for.
type Kind uint8

const (
	KindFlow    Kind = iota // a flow, or one active-timeout piece of one
	KindSession             // a complete conversation that was exported in several pieces; never enters sums of flows
	KindEvent               // a firewall or NAT event (NSEL, NEL): not a flow
)

var kinds = [...]string{"flow", "session", "event"}

func (k Kind) String() string { return name(kinds[:], int(k)) }

// Via says by what way a Record came to us.
type Via uint8

const (
	ViaUnknown Via = iota
	ViaNetFlow5
	ViaNetFlow9
	ViaIPFIX
	ViaSFlow
	ViaCapture // our own meter
	ViaLog     // a flow log or another tool's flow file
	ViaNetFlow1
	ViaNetFlow6
	ViaNetFlow7
	ViaNetFlow8
)

var vias = [...]string{"", "netflow_v5", "netflow_v9", "ipfix", "sflow_v5", "capture", "log", "netflow_v1", "netflow_v6", "netflow_v7", "netflow_v8"}

func (v Via) String() string { return name(vias[:], int(v)) }

// Direction is where the flow was observed: IPFIX flowDirection (61) plus one.
type Direction uint8

const (
	DirectionUnknown Direction = iota
	Ingress
	Egress
)

var directions = [...]string{"", "ingress", "egress"}

func (d Direction) String() string { return name(directions[:], int(d)) }

// EndReason is why the flow ended, numbered as IPFIX flowEndReason (136).
type EndReason uint8

const (
	EndUnknown       EndReason = iota
	EndIdle                    // 1: idle time-out
	EndActive                  // 2: active time-out; the conversation goes on
	EndOfFlow                  // 3: end of flow detected: FIN or RST
	EndForced                  // 4: forced, as at shutdown
	EndLackResources           // 5: the table was full
)

var endReasons = [...]string{"", "idle_timeout", "active_timeout", "end_of_flow", "forced_end", "lack_of_resources"}

func (e EndReason) String() string { return name(endReasons[:], int(e)) }

// Event is what a KindEvent record tells, numbered as IPFIX firewallEvent (233); NAT events follow.
// On a flow of a flow log it is the firewall's verdict: EventAllowed or EventDenied.
type Event uint8

const (
	EventNone       Event = iota
	EventCreated          // 1
	EventDeleted          // 2
	EventDenied           // 3
	EventAlert            // 4
	EventUpdated          // 5
	EventNATCreate        // natEvent (230): a translation was made
	EventNATDelete        // natEvent (230): a translation was removed
	EventNATOther         // natEvent (230): any other
	EventNATRefused       // natEvent (230): no address, port or quota was left for a translation
	EventAllowed          // of a flow log: a firewall let the flow pass; stands on flows
	EventNoData           // of a flow log: an interface had no traffic
	EventSkipData         // of a flow log: the cloud lost records of an interface
	EventDropped          // the exporter dropped a packet, by no rule of its operator (sFlow)
)

var events = [...]string{"", "flow_created", "flow_deleted", "flow_denied", "flow_alert", "flow_updated", "nat_create", "nat_delete", "nat_other", "nat_refused", "flow_allowed", "no_data", "skip_data", "packet_dropped"}

func (e Event) String() string { return name(events[:], int(e)) }

// InitiatorBy is what decided that Src is the initiator, in the order of the decision.
type InitiatorBy uint8

const (
	ByNone       InitiatorBy = iota
	ByRFC5103                // the exporter sent a biflow with a direction
	BySYN                    // the first packet had SYN without ACK
	ByServerPort             // Dst has a known server port and Src has not
	ByLowerPort              // Dst has the lower port
	ByFirstSeen              // Src was seen first
	ByMessage                // the first message was of a kind that asks, or that answers (ICMP echo)
)

var initiators = [...]string{"", "rfc5103", "syn", "server_port", "lower_port", "first_seen", "message"}

func (i InitiatorBy) String() string { return name(initiators[:], int(i)) }

// State is how far the conversation came.
type State uint8

const (
	StateUnknown     State = iota
	StateAttempt           // the initiator sent, nothing came back where it could be seen
	StateEstablished       // both sides sent; for TCP the handshake or data was seen
	StateRejected          // the responder answered with RST or an ICMP unreachable, or a firewall refused the flow
	StateMidstream         // TCP seen without its beginning, both sides
	StateOneway            // only one direction was reported and the other could not be seen
)

var states = [...]string{"", "attempt", "established", "rejected", "midstream", "oneway_unknown"}

func (s State) String() string { return name(states[:], int(s)) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}

// parseName finds the number of a name; the empty name is not one.
func parseName(names []string, s string) (uint8, bool) {
	for i, n := range names {
		if n == s && n != "" {
			return uint8(i), true
		}
	}
	return 0, false
}
