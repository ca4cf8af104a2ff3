package flow

// Meta is what few flows have and what does not fit a fixed record: names and texts. A Record
// points to its Meta by index into the Batch's side table. A nil part was not seen.
//
// A Meta may be shared by several records and batches: once made it is never changed; who wants
// to add to it makes a new one.
type Meta struct {
	DNS     *DNS      `json:",omitempty"`
	HTTP    *HTTP     `json:",omitempty"`
	TLS     *TLS      `json:",omitempty"`
	SSH     *SSH      `json:",omitempty"`
	Mail    *Mail     `json:",omitempty"`
	Talk    *Talk     `json:",omitempty"`
	Parent  string    `json:",omitempty"` // community id of the conversation that announced this one, such as FTP's control
	NAT     string    `json:",omitempty"` // community id of what another report has as this conversation on the other side of a translation
	Code    uint16    `json:",omitempty"` // what the firewall calls the event (NSEL extended event); 0 is none
	Reason  string    `json:",omitempty"` // why the event happened, in the firewall's words
	AppName string    `json:",omitempty"` // application name as the exporter gave it (NBAR, App-ID); not our label
	User    string    `json:",omitempty"` // user name as the exporter gave it
	Sampler string    `json:",omitempty"` // how packets were chosen: "deterministic", "random"; "" is unknown
	Names   *Names    `json:",omitempty"` // what the exporter calls the interfaces and VRFs of the flow
	Unknown []Element `json:",omitempty"` // elements that have no field of their own
	Cloud   *Cloud    `json:",omitempty"` // which part of a cloud reported the flow
	Extra   []Pair    `json:",omitempty"` // columns of a flow log that have no field of their own
	Seen    []Seen    `json:",omitempty"` // the reports that were merged into this flow, the one that is counted among them, in the order of the path; empty if there was one
}

// Names is what an exporter has told, apart from the flows, of the interfaces and VRFs that they
// name by number. They are those of one vantage and mean nothing for a report from another.
type Names struct {
	Vantage `json:"-"`

	InIf, OutIf           string `json:",omitempty"` // interfaceName: "Gi0/1"
	InIfAlias, OutIfAlias string `json:",omitempty"` // interfaceDescription: "uplink to ISP"
	InVRF, OutVRF         string `json:",omitempty"` // VRFname
}

// Vantage is where a report of a flow was made: the exporter and its interfaces.
type Vantage struct {
	Exporter            Addr
	Domain, InIf, OutIf uint32
}

// Vantage gives where r was made.
func (r *Record) Vantage() Vantage { return Vantage{r.Exporter, r.Domain, r.InIf, r.OutIf} }

// Of says whether n, which may be nil, are the names for r.
func (n *Names) Of(r *Record) bool { return n != nil && n.Vantage == r.Vantage() }

// Element is an information element kept as it came.
type Element struct {
	PEN   uint32 // private enterprise number; 0 is IANA
	ID    uint16 // element id without the enterprise bit
	Name  string `json:",omitempty"` // as its registry calls it; "" is not known
	Value []byte // the bytes on the wire
}

// Cloud is where in a cloud a flow was logged. What the log does not name is "".
type Cloud struct {
	Provider string `json:",omitempty"` // aws, azure, gcp
	Account  string `json:",omitempty"` // account or subscription id
	Project  string `json:",omitempty"` // project id
	Region   string `json:",omitempty"`
	Zone     string `json:",omitempty"` // availability zone
	Instance string `json:",omitempty"` // instance id
	Name     string `json:",omitempty"` // instance name
}

// Pair is a value by its name, as a flow log has it. The names of a list differ from each other.
type Pair struct{ Name, Value string }

// Seen is one report of a flow by an exporter through an interface of it. Of the report that is counted it
// has the times and counts of the record.
type Seen struct {
	Exporter       Addr
	Domain         uint32
	InIf, OutIf    uint32
	Start, End     int64 // Unix ns
	Bytes, Packets uint64
}

// DNS is the first question of a flow and what was answered to it, and those after it.
type DNS struct {
	ID       uint16
	Question string   // name without the last dot, lower case; the root is "."
	Type     string   // "A", "AAAA", "TYPE65"
	Class    string   // "IN"
	Rcode    string   // "NOERROR", "NXDOMAIN"; "" when no answer was seen
	Answers  []Answer // at most 48
	Opcode   string   `json:",omitempty"` // "QUERY", "UPDATE"
	Flags    []string `json:",omitempty"` // AA, TC, RD, RA, AD, CD of the answer, else of the question
	More     []DNS    `json:",omitempty"` // further questions, at most 7; they have no More
}

// Answer is one resource record of a DNS answer section.
type Answer struct {
	Name, Type, Data string
	TTL              uint32 // seconds
}

// HTTP is the first request and response of a flow, and the further ones.
type HTTP struct {
	Method, Host, Path, Version string
	UserAgent, Referrer         string
	Server, ContentType         string
	Status                      int        // 0 when no response was seen
	More                        []Exchange `json:",omitempty"` // at most 7
}

// Exchange is one more request of a connection, and its response.
type Exchange struct {
	Method, Host, Path  string // Method is "" when only the response was seen
	UserAgent, Referrer string `json:",omitempty"`
	ContentType         string `json:",omitempty"`
	Status              int    // 0 when no response was seen
}

// TLS is what the handshake tells in the clear.
type TLS struct {
	ServerName string   // SNI
	Version    string   // negotiated: "1.0" … "1.3"; "" when no ServerHello was seen
	Cipher     string   // IANA name, or "0xc02f" where it has none
	ALPN       []string // offered by the client
	NextProto  string   // chosen by the server; "" where encrypted or absent
	JA3, JA3S  string   `json:",omitempty"` // MD5 of what the client and the server offer, lower-case hex
	JA4        string   `json:",omitempty"` // "t13d1516h2_8daaf6152771_e5627efa2ab1"
	Resumed    bool     `json:",omitempty"` // the session goes on from an earlier one; no certificate is sent
	Cert                // the server's own certificate; empty where encrypted or absent
	Client     *Cert    `json:",omitempty"` // the client's own certificate
}

// Cert is what an X.509 certificate says (RFC 5280).
type Cert struct {
	Subject string `json:",omitempty"` // distinguished name (RFC 4514)
	Issuer  string `json:",omitempty"` // distinguished name (RFC 4514)
	Serial  string `json:",omitempty"` // upper-case hex without separators
	// NotBefore and NotAfter bound its validity, Unix ns. 0 is not known.
	NotBefore, NotAfter int64    `json:",omitempty"`
	CommonName          string   `json:",omitempty"` // of the subject
	IssuerName          string   `json:",omitempty"` // common name of the issuer
	AltNames            []string `json:",omitempty"` // of the subject: names, addresses, URIs; at most 64
	SHA1, SHA256        string   `json:",omitempty"` // of the certificate, upper-case hex
	SelfSigned          bool     `json:",omitempty"` // subject and issuer are the same
}

// SSH holds the identification strings (RFC 4253 section 4.2), without the line end, and the
// MD5 of what each side offers, lower-case hex.
type SSH struct {
	Client, Server     string
	HASSH, HASSHServer string `json:",omitempty"`
}

// Mail is the first message of a mail session.
type Mail struct {
	Helo    string   `json:",omitempty"` // what the client called itself
	From    string   `json:",omitempty"` // envelope sender, without brackets
	To      []string `json:",omitempty"` // envelope recipients, without brackets; at most 16
	Subject string   `json:",omitempty"` // header field, MIME words decoded
}

// Talk is what other protocols tell, in few fields that are alike over all of them. Each list
// has at most 16 values, none twice, in order of first use.
type Talk struct {
	Version  string   `json:",omitempty"` // of the protocol
	Commands []string `json:",omitempty"` // commands, methods, message types
	Results  []string `json:",omitempty"` // reply codes, states
	Names    []string `json:",omitempty"` // what was asked for: files, shares, mailboxes, topics, databases, units, services, entries
	User     string   `json:",omitempty"` // who: login, cookie
	Client   string   `json:",omitempty"` // what the client calls itself: host, client id, program, address
	Server   string   `json:",omitempty"` // what the server calls itself in its greeting
	Domain   string   `json:",omitempty"` // directory that the user belongs to: domain, realm

	// Of one protocol alone.
	DHCP     []DHCP    `json:",omitempty"` // at most 8
	NTP      *NTP      `json:",omitempty"`
	SNMP     *SNMP     `json:",omitempty"`
	Kerberos *Kerberos `json:",omitempty"`
	LDAP     *LDAP     `json:",omitempty"`
	SIP      *SIP      `json:",omitempty"`
}

// Size is how many values t, which may be nil, has in its lists, plus one: what a longer look at a
// conversation tells is not smaller.
func (t *Talk) Size() int {
	if t == nil {
		return 0
	}
	return 1 + len(t.Commands) + len(t.Results) + len(t.Names)
}
