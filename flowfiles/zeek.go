package flowfiles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// The columns of a conn.log that are used (Zeek, base/protocols/conn/main.zeek).
const (
	zeekTime = iota
	zeekOrig
	zeekOrigPort
	zeekResp
	zeekRespPort
	zeekProto
	zeekIPProto
	zeekService
	zeekDuration
	zeekOrigBytes
	zeekRespBytes
	zeekState
	zeekHistory
	zeekOrigPkts
	zeekOrigIPBytes
	zeekRespPkts
	zeekRespIPBytes
	zeekVLAN
	zeekInnerVLAN
	zeekOrigMAC
	zeekRespMAC
	zeekWritten
	zeekColumns
)

var zeekNames = [zeekColumns]string{"ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "ip_proto", "service",
	"duration", "orig_bytes", "resp_bytes", "conn_state", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes",
	"vlan", "inner_vlan", "orig_l2_addr", "resp_l2_addr", "_write_ts"}

// zeekRow is one row by column, "" where it is unset or not there.
type zeekRow [zeekColumns]string

// zeekTSV reads the default form of Zeek's logs. Its # lines say what the columns are; they may
// come again, as in logs that were joined.
type zeekTSV struct {
	separator    string
	unset, empty string
	place        []int // of each column of the file in zeekRow, -1 for those that are not used
	isConn       bool  // the columns are those of a conn.log
}

func newZeekTSV() *zeekTSV { return &zeekTSV{separator: "\t", unset: "-", empty: "(empty)"} }

var (
	errNoFields = errors.New("a row before any #fields line of a conn.log")
	errColumns  = errors.New("fewer columns than #fields names")
)

func (z *zeekTSV) parse(line []byte, b *flow.Batch, r *flow.Record, _ *stats) error {
	text := string(line)
	if text[0] == '#' {
		return z.header(text)
	}
	if !z.isConn {
		return errNoFields
	}
	var row zeekRow
	for i, to := range z.place {
		value, rest, more := strings.Cut(text, z.separator)
		if to >= 0 && value != z.unset && value != z.empty {
			row[to] = value
		}
		if !more && i < len(z.place)-1 {
			return errColumns
		}
		text = rest
	}
	return row.record(b, r)
}

// header takes a # line: #separator, #unset_field, #empty_field and #fields matter.
func (z *zeekTSV) header(line string) error {
	if value, ok := strings.CutPrefix(line, "#separator "); ok {
		if s, err := strconv.Unquote(`"` + value + `"`); err == nil && s != "" {
			z.separator = s
		}
		return errOther
	}
	name, value, _ := strings.Cut(line, z.separator)
	switch name {
	case "#unset_field":
		z.unset = value
	case "#empty_field":
		z.empty = value
	case "#fields":
		z.fields(strings.Split(value, z.separator))
	}
	return errOther
}

func (z *zeekTSV) fields(names []string) {
	z.place = z.place[:0]
	seen := zeekRow{}
	for _, name := range names {
		to := -1
		for i, want := range zeekNames {
			if name == want {
				to, seen[i] = i, name
			}
		}
		z.place = append(z.place, to)
	}
	z.isConn = seen[zeekTime] != "" && seen[zeekOrig] != "" && seen[zeekResp] != "" && seen[zeekProto] != "" && seen[zeekState] != ""
}

// zeekJSON reads logs that were written with LogAscii::use_json, one object a line. Lines of
// other logs (no conn_state) are no flows.
type zeekJSON struct{}

func (*zeekJSON) parse(line []byte, b *flow.Batch, r *flow.Record, _ *stats) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return fmt.Errorf("no JSON object: %w", err)
	}
	if _, ok := object["conn_state"]; !ok {
		return errOther
	}
	var row zeekRow
	for i, name := range zeekNames {
		row[i] = scalar(object[name])
	}
	return row.record(b, r)
}

// scalar gives the text of a JSON string or number, "" for anything else.
func scalar(v json.RawMessage) string {
	v = bytes.TrimSpace(v)
	switch {
	case len(v) == 0 || v[0] == '{' || v[0] == '[' || v[0] == 'n':
		return ""
	case v[0] != '"':
		return string(v)
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// record makes a flow of the row.
func (z *zeekRow) record(b *flow.Batch, r *flow.Record) error {
	err := errors.Join(z.ends(r), z.times(r), z.counts(r))
	if err != nil {
		return err
	}
	z.layer2(r)
	answered := r.Rev.Packets > 0 || r.Rev.Payload > 0 || strings.ContainsAny(z[zeekHistory], "shadfrciqtgwx")
	r.State, r.EndReason = zeekStateOf(z[zeekState], r.Proto, answered)
	if answered && r.Has.Has(flow.HasPackets) && r.Fwd.Packets == 0 && r.State != flow.StateUnknown {
		r.State = flow.StateOneway
	}
	r.InitiatorBy = zeekInitiator(z[zeekHistory])
	r.Complete = true
	label(b, r, z[zeekService])
	return nil
}

func (z *zeekRow) ends(r *flow.Record) (err error) {
	if r.Src, err = address("id.orig_h", z[zeekOrig]); err != nil {
		return err
	}
	if r.Dst, err = address("id.resp_h", z[zeekResp]); err != nil {
		return err
	}
	if err := z.proto(r); err != nil || !hasPorts(r.Proto) && !isICMP(r.Proto) || !r.Has.Has(flow.HasProto) {
		return err
	}
	if z[zeekOrigPort] == "" && z[zeekRespPort] == "" {
		return nil
	}
	src, err := port("id.orig_p", z[zeekOrigPort])
	if err != nil {
		return err
	}
	dst, err := port("id.resp_p", z[zeekRespPort])
	if err != nil {
		return err
	}
	if isICMP(r.Proto) {
		zeekICMP(r, src, dst)
		return nil
	}
	r.SrcPort, r.DstPort = src, dst
	r.Has |= flow.HasPorts
	return nil
}

// proto takes the number where there is one (ip_proto, since Zeek 7.1), else the name. Names
// that are no protocol, as unknown_transport, leave the protocol unknown.
func (z *zeekRow) proto(r *flow.Record) error {
	name := z[zeekProto]
	if name == "icmp" && !r.Src.Is4() {
		name = "icmp6"
	}
	if z[zeekIPProto] != "" {
		name = z[zeekIPProto]
	}
	if n, ok := parseProto(name); ok {
		r.Proto = n
		r.Has |= flow.HasProto
	} else if name != "unknown_transport" {
		return fmt.Errorf("proto: %.40q is no protocol", name)
	}
	return nil
}

// answers pairs ICMP types that ask with those that answer. Of these Zeek writes both types as
// ports; of any other, type and code.
var answers = map[uint8]map[uint16]uint16{
	flow.ProtoICMP:   {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
	flow.ProtoICMPv6: {128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133, 135: 136, 136: 135, 139: 140, 140: 139, 144: 145, 145: 144},
}

func zeekICMP(r *flow.Record, typ, second uint16) {
	if typ > 255 || second > 255 {
		return
	}
	r.ICMPType, r.ICMPCode = uint8(typ), uint8(second)
	if other, ok := answers[r.Proto][typ]; ok && other == second {
		r.ICMPCode = 0
	}
	r.Has |= flow.HasICMP
}

func (z *zeekRow) times(r *flow.Record) error {
	start, err := instant(z[zeekTime])
	if err != nil {
		return fmt.Errorf("ts: %w", err)
	}
	r.Start, r.End = start, start
	if z[zeekDuration] != "" {
		d, err := seconds(z[zeekDuration])
		if err != nil || d < 0 || start > 0 && d > maxSeconds*1e9-start {
			return fmt.Errorf("duration: %.40q is no number of seconds", z[zeekDuration])
		}
		r.End += d
	}
	r.Received = r.End
	if written, err := instant(z[zeekWritten]); err == nil && written >= r.End {
		r.Received = written
	}
	r.Has |= flow.HasTimes
	return nil
}

// counts takes the IP bytes (…_ip_bytes) as bytes and Zeek's own bytes as payload. Each is known
// of both sides or of none.
func (z *zeekRow) counts(r *flow.Record) error {
	var n [6]uint64
	for i, column := range [...]int{zeekOrigPkts, zeekRespPkts, zeekOrigIPBytes, zeekRespIPBytes, zeekOrigBytes, zeekRespBytes} {
		if z[column] == "" {
			continue
		}
		var err error
		if n[i], err = number(zeekNames[column], z[column]); err != nil {
			return err
		}
	}
	r.Fwd.Packets, r.Rev.Packets, r.Fwd.Bytes, r.Rev.Bytes = n[0], n[1], n[2], n[3]
	r.Fwd.Payload, r.Rev.Payload = n[4], n[5]
	for _, p := range [...]struct {
		a, b int
		bit  flow.Set
	}{{zeekOrigPkts, zeekRespPkts, flow.HasPackets}, {zeekOrigIPBytes, zeekRespIPBytes, flow.HasBytes}, {zeekOrigBytes, zeekRespBytes, flow.HasPayload}} {
		if z[p.a] != "" && z[p.b] != "" {
			r.Has |= p.bit | flow.HasRev
		}
	}
	return nil
}

func (z *zeekRow) layer2(r *flow.Record) {
	if id, err := strconv.ParseUint(z[zeekVLAN], 10, 12); err == nil {
		r.VLAN = uint16(id)
		r.Has |= flow.HasVLAN
	}
	if id, err := strconv.ParseUint(z[zeekInnerVLAN], 10, 12); err == nil {
		r.PostVLAN = uint16(id)
		r.Has |= flow.HasPostVLAN
	}
	src, ok1 := mac(z[zeekOrigMAC])
	dst, ok2 := mac(z[zeekRespMAC])
	if ok1 && ok2 {
		r.SrcMAC, r.DstMAC = src, dst
		r.Has |= flow.HasMACs
	}
}

// zeekStateOf is what a conn_state tells (Zeek, Conn::Info conn_state). S2 and S3 are half
// closed, so they had no end.
func zeekStateOf(state string, proto uint8, answered bool) (flow.State, flow.EndReason) {
	if proto != flow.ProtoTCP && state != "" {
		if answered {
			return flow.StateEstablished, flow.EndUnknown
		}
		return flow.StateAttempt, flow.EndUnknown
	}
	switch state {
	case "S0":
		return flow.StateAttempt, flow.EndUnknown
	case "SH", "RSTOS0": // SYN, then FIN or RST, of the originator only
		return flow.StateAttempt, flow.EndOfFlow
	case "S1", "S2", "S3":
		return flow.StateEstablished, flow.EndUnknown
	case "SF", "RSTO", "RSTR":
		return flow.StateEstablished, flow.EndOfFlow
	case "REJ":
		return flow.StateRejected, flow.EndOfFlow
	case "RSTRH", "SHR": // SYN ACK, then RST or FIN, of the responder only
		return flow.StateOneway, flow.EndOfFlow
	case "OTH":
		if answered {
			return flow.StateMidstream, flow.EndUnknown
		}
		return flow.StateOneway, flow.EndUnknown
	}
	return flow.StateUnknown, flow.EndUnknown
}

// zeekInitiator says how Zeek knew the originator: by its SYN, by turning the sides round (^:
// the other port is that of a server), else by who was seen first.
func zeekInitiator(history string) flow.InitiatorBy {
	switch {
	case strings.HasPrefix(history, "^"):
		return flow.ByServerPort
	case strings.HasPrefix(history, "S"):
		return flow.BySYN
	}
	return flow.ByFirstSeen
}
