package flowfiles

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/unzip"
)

// suricata reads eve.json: flow events are biflows, netflow events one direction of them.
type suricata struct {
	skipNetflow bool // the file has flow events, which tell the same flows
}

// eve is an event of eve.json, as far as it is used (Suricata, doc/userguide/output/eve).
type eve struct {
	Timestamp string    `json:"timestamp"`
	EventType string    `json:"event_type"`
	Src       string    `json:"src_ip"`
	Dst       string    `json:"dest_ip"`
	SrcPort   *uint16   `json:"src_port"`
	DstPort   *uint16   `json:"dest_port"`
	Proto     string    `json:"proto"`
	ICMPType  *uint8    `json:"icmp_type"`
	ICMPCode  *uint8    `json:"icmp_code"`
	VLAN      []uint16  `json:"vlan"`
	App       string    `json:"app_proto"`
	Flow      *eveFlow  `json:"flow"`
	Netflow   *eveFlow  `json:"netflow"`
	TCP       *eveTCP   `json:"tcp"`
	Ether     *eveEther `json:"ether"`
}

type eveFlow struct {
	PacketsTo   *uint64 `json:"pkts_toserver"`
	PacketsFrom *uint64 `json:"pkts_toclient"`
	BytesTo     *uint64 `json:"bytes_toserver"`
	BytesFrom   *uint64 `json:"bytes_toclient"`
	Packets     *uint64 `json:"pkts"`  // netflow
	Bytes       *uint64 `json:"bytes"` // netflow
	MinTTL      *uint8  `json:"min_ttl"`
	Start       string  `json:"start"`
	End         string  `json:"end"`
	State       string  `json:"state"`
	Reason      string  `json:"reason"`
}

type eveTCP struct {
	Flags   string `json:"tcp_flags"` // of all packets; in a netflow event of its direction
	FlagsTo string `json:"tcp_flags_ts"`
	FlagsFr string `json:"tcp_flags_tc"`
}

type eveEther struct {
	Src string `json:"src_mac"`
	Dst string `json:"dest_mac"`
}

// hasFlows looks for a flow event in the file. It stops at the first.
func (s *Source) hasFlows(ctx context.Context) (bool, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	in, _, err := unzip.Reader(f, sniffed)
	if err != nil {
		return false, nil // reported when it is read
	}
	r := bufio.NewReaderSize(in, maxLine)
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		line, err := r.ReadSlice('\n')
		if isFlowEvent(line) {
			return true, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false, nil
		}
	}
}

var flowEvents = [...][]byte{[]byte(`"event_type":"flow"`), []byte(`"event_type": "flow"`)}

func isFlowEvent(line []byte) bool {
	return bytes.Contains(line, flowEvents[0]) || bytes.Contains(line, flowEvents[1])
}

func (s *suricata) parse(line []byte, b *flow.Batch, r *flow.Record, c *stats) error {
	if !bytes.Contains(line, []byte("flow\"")) && json.Valid(line) {
		return errOther // the greater part of an eve.json
	}
	var e eve
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("no event: %w", err)
	}
	var err error
	switch {
	case e.EventType == "flow" && e.Flow != nil:
		err = e.biflow(r)
	case e.EventType == "netflow" && e.Netflow != nil && !s.skipNetflow:
		err = e.uniflow(r)
	case e.EventType == "flow" && e.Flow == nil:
		return errors.New("a flow event without flow")
	default:
		return errOther
	}
	if err != nil {
		return err
	}
	if e.App != "failed" && e.App != "unknown" {
		label(b, r, e.App)
	}
	if r.Has.Has(flow.HasBytes) {
		c.frames.Add(1)
	}
	return nil
}

// biflow makes a flow of a flow event. Bytes are those of the frames, as Suricata counts them.
func (e *eve) biflow(r *flow.Record) error {
	f := e.Flow
	if err := errors.Join(e.ends(r), e.times(r, f)); err != nil {
		return err
	}
	r.Has |= flow.HasRev
	both(r, flow.HasPackets, f.PacketsTo, f.PacketsFrom, &r.Fwd.Packets, &r.Rev.Packets)
	both(r, flow.HasBytes, f.BytesTo, f.BytesFrom, &r.Fwd.Bytes, &r.Rev.Bytes)
	r.InitiatorBy, r.Complete = flow.ByFirstSeen, true
	if e.TCP != nil && r.Proto == flow.ProtoTCP {
		e.tcpFlags(r)
	}
	r.State = e.state(r)
	switch {
	case f.State == "closed":
		r.EndReason = flow.EndOfFlow
	case f.Reason == "timeout":
		r.EndReason = flow.EndIdle
	case f.Reason == "forced" || f.Reason == "shutdown":
		r.EndReason = flow.EndForced
	}
	return nil
}

// both takes a count of the two sides. Valid iff both are there.
func both(r *flow.Record, bit flow.Set, to, from *uint64, fwd, rev *uint64) {
	if to != nil && from != nil {
		*fwd, *rev = *to, *from
		r.Has |= bit
	}
}

func (e *eve) tcpFlags(r *flow.Record) {
	to, err1 := strconv.ParseUint(e.TCP.FlagsTo, 16, 8)
	from, err2 := strconv.ParseUint(e.TCP.FlagsFr, 16, 8)
	if err1 != nil || err2 != nil {
		return
	}
	r.Fwd.Flags, r.Rev.Flags = uint8(to), uint8(from)
	r.Has |= flow.HasFlags
	if r.Fwd.Flags&flow.SYN != 0 {
		r.InitiatorBy = flow.BySYN
	}
}

// state follows the TCP flags where they are known; of anything else, whether both sides sent.
func (e *eve) state(r *flow.Record) flow.State {
	if !r.Has.Has(flow.HasPackets) {
		return flow.StateUnknown
	}
	answered := r.Rev.Packets > 0
	switch {
	case r.Proto == flow.ProtoTCP && r.Has.Has(flow.HasFlags):
		return tcpState(r.Fwd.Flags, r.Rev.Flags, answered)
	case answered && (r.Proto != flow.ProtoTCP || e.Flow.State == "established"):
		return flow.StateEstablished
	case !answered:
		return flow.StateAttempt
	}
	return flow.StateUnknown
}

// uniflow makes a flow of a netflow event: one direction.
func (e *eve) uniflow(r *flow.Record) error {
	f := e.Netflow
	if err := errors.Join(e.ends(r), e.times(r, f)); err != nil {
		return err
	}
	if f.Packets != nil {
		r.Fwd.Packets = *f.Packets
		r.Has |= flow.HasPackets
	}
	if f.Bytes != nil {
		r.Fwd.Bytes = *f.Bytes
		r.Has |= flow.HasBytes
	}
	if f.MinTTL != nil {
		r.Fwd.TTL = *f.MinTTL
		r.Has |= flow.HasTTL
	}
	if e.TCP != nil && r.Proto == flow.ProtoTCP {
		if flags, err := strconv.ParseUint(e.TCP.Flags, 16, 8); err == nil {
			r.Fwd.Flags = uint8(flags)
			r.Has |= flow.HasFlags
		}
	}
	return nil
}

func (e *eve) ends(r *flow.Record) (err error) {
	if r.Src, err = address("src_ip", e.Src); err != nil {
		return err
	}
	if r.Dst, err = address("dest_ip", e.Dst); err != nil {
		return err
	}
	proto, ok := parseProto(e.Proto)
	if !ok {
		return fmt.Errorf("proto: %.40q is no protocol", e.Proto)
	}
	r.Proto = proto
	r.Has |= flow.HasProto
	if hasPorts(proto) && e.SrcPort != nil && e.DstPort != nil {
		r.SrcPort, r.DstPort = *e.SrcPort, *e.DstPort
		r.Has |= flow.HasPorts
	}
	if isICMP(proto) && e.ICMPType != nil && e.ICMPCode != nil {
		r.ICMPType, r.ICMPCode = *e.ICMPType, *e.ICMPCode
		r.Has |= flow.HasICMP
	}
	e.layer2(r)
	return nil
}

func (e *eve) layer2(r *flow.Record) {
	if len(e.VLAN) > 0 && e.VLAN[0] < 4096 {
		r.VLAN = e.VLAN[0]
		r.Has |= flow.HasVLAN
	}
	if len(e.VLAN) > 1 && e.VLAN[1] < 4096 {
		r.PostVLAN = e.VLAN[1]
		r.Has |= flow.HasPostVLAN
	}
	if e.Ether == nil {
		return
	}
	src, ok1 := mac(strings.ToLower(e.Ether.Src))
	dst, ok2 := mac(strings.ToLower(e.Ether.Dst))
	if ok1 && ok2 {
		r.SrcMAC, r.DstMAC = src, dst
		r.Has |= flow.HasMACs
	}
}

// times takes start and end; an event's own time is when it was written.
func (e *eve) times(r *flow.Record, f *eveFlow) (err error) {
	if r.Start, err = instant(f.Start); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	r.End = r.Start
	if f.End != "" {
		if r.End, err = instant(f.End); err != nil {
			return fmt.Errorf("end: %w", err)
		}
	}
	if r.End < r.Start {
		return errors.New("end is before start")
	}
	r.Received = r.End
	if written, err := instant(e.Timestamp); err == nil && written >= r.End {
		r.Received = written
	}
	r.Has |= flow.HasTimes
	return nil
}
