package flowfiles

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// The columns of ra's CSV that are used (ra(1), option -s), by their titles in lower case.
const (
	raStart = iota
	raLast
	raDur
	raProto
	raSrc
	raSport
	raDir
	raDst
	raDport
	raSrcPkts
	raDstPkts
	raTotPkts
	raSrcBytes
	raDstBytes
	raTotBytes
	raSrcApp
	raDstApp
	raState
	raSrcToS
	raDstToS
	raSrcTTL
	raDstTTL
	raVLAN
	raColumns
)

var raNames = [raColumns]string{"starttime", "lasttime", "dur", "proto", "srcaddr", "sport", "dir", "dstaddr", "dport",
	"srcpkts", "dstpkts", "totpkts", "srcbytes", "dstbytes", "totbytes", "sappbytes", "dappbytes", "state", "stos", "dtos", "sttl", "dttl", "svid"}

type raRow [raColumns]string

// argus reads `ra -c` with a line of column titles, as binetflow files are. The titles may come
// again, as in files that were joined.
type argus struct {
	separator string
	place     []int // of each column of the file in raRow, -1 for those that are not used
	day       int64 // Unix ns: what dates a time of day
}

// isArgusHeader says whether a line is one of column titles.
func isArgusHeader(line string) bool {
	sep := raSeparator(line)
	if sep == "" {
		return false
	}
	var has raRow
	for _, name := range strings.Split(line, sep) {
		if i := raColumn(name); i >= 0 {
			has[i] = name
		}
	}
	return has[raProto] != "" && has[raSrc] != "" && has[raDst] != "" && (has[raStart] != "" || has[raLast] != "")
}

// raSeparator finds the character between titles.
func raSeparator(line string) string {
	for _, sep := range [...]string{",", "\t", ";", "|"} {
		if strings.Count(line, sep) >= 3 {
			return sep
		}
	}
	return ""
}

func raColumn(title string) int {
	title = strings.ToLower(strings.TrimSpace(title))
	for i, name := range raNames {
		if name == title {
			return i
		}
	}
	return -1
}

func (a *argus) parse(line []byte, b *flow.Batch, r *flow.Record, c *stats) error {
	text := string(line)
	if strings.Contains(text, "Addr") && isArgusHeader(text) {
		a.separator = raSeparator(text)
		a.place = a.place[:0]
		for _, title := range strings.Split(text, a.separator) {
			a.place = append(a.place, raColumn(title))
		}
		return errOther
	}
	var row raRow
	for i, to := range a.place {
		value, rest, more := strings.Cut(text, a.separator)
		if to >= 0 {
			row[to] = strings.TrimSpace(value)
		}
		if !more && i < len(a.place)-1 {
			return errors.New("fewer columns than titles")
		}
		text = rest
	}
	return row.record(r, a.day, c)
}

// record makes a flow of the row. Bytes are those of the frames, as Argus counts them.
func (a *raRow) record(r *flow.Record, day int64, c *stats) error {
	proto, ok := parseProto(a[raProto])
	_, isMAC := mac(a[raSrc])
	if !ok || isMAC {
		return errOther // arp, llc, man, an ethertype: no IP
	}
	r.Proto = proto
	r.Has |= flow.HasProto
	dated := true
	err := a.ends(r)
	if err == nil {
		dated, err = a.times(r, day)
	}
	if err == nil {
		err = a.counts(r)
	}
	if err != nil {
		return err
	}
	a.flags(r)
	a.direction(r)
	if r.Has.Has(flow.HasBytes) {
		c.frames.Add(1)
	}
	if !dated {
		c.dated.Add(1)
	}
	return nil
}

func (a *raRow) ends(r *flow.Record) (err error) {
	if r.Src, err = address("SrcAddr", a[raSrc]); err != nil {
		return fmt.Errorf("%w; `ra -nn` prints addresses", err)
	}
	if r.Dst, err = address("DstAddr", a[raDst]); err != nil {
		return fmt.Errorf("%w; `ra -nn` prints addresses", err)
	}
	if r.Proto == flow.ProtoICMP && !r.Src.Is4() {
		r.Proto = flow.ProtoICMPv6
	}
	switch {
	case a[raSport] == "" && a[raDport] == "":
		return nil
	case isICMP(r.Proto):
		a.icmp(r)
		return nil
	case !hasPorts(r.Proto):
		return nil
	}
	if r.SrcPort, err = port("Sport", a[raSport]); err != nil {
		return fmt.Errorf("%w; `ra -nn` prints numbers", err)
	}
	if r.DstPort, err = port("Dport", a[raDport]); err != nil {
		return fmt.Errorf("%w; `ra -nn` prints numbers", err)
	}
	r.Has |= flow.HasPorts
	return nil
}

// icmp takes the type and code that Argus writes as Sport: 0x0303, the type in the low byte.
func (a *raRow) icmp(r *flow.Record) {
	n, err := port("Sport", a[raSport])
	if err != nil || !strings.HasPrefix(a[raSport], "0x") {
		return
	}
	r.ICMPType, r.ICMPCode = uint8(n), uint8(n>>8)
	r.Has |= flow.HasICMP
}

// times takes StartTime and the duration, or LastTime. A time of day without a date gets that of
// day, or of the day before where it would be later than that; dated says that there was a date.
func (a *raRow) times(r *flow.Record, day int64) (dated bool, err error) {
	dated = true
	if a[raStart] != "" {
		if r.Start, dated, err = raTime(a[raStart], day); err != nil {
			return dated, fmt.Errorf("StartTime: %w", err)
		}
		r.End = r.Start
	}
	switch {
	case a[raDur] != "":
		d, err := seconds(a[raDur])
		if err != nil || d < 0 || d > 1<<60 {
			return dated, fmt.Errorf("duration (Dur): %.40q is no number of seconds", a[raDur])
		}
		if a[raStart] != "" {
			r.End = r.Start + d
			break
		}
		if r.End, dated, err = raTime(a[raLast], day); err != nil {
			return dated, fmt.Errorf("LastTime: %w", err)
		}
		r.Start = r.End - d
	case a[raLast] != "":
		if r.End, dated, err = raTime(a[raLast], day); err != nil {
			return dated, fmt.Errorf("LastTime: %w", err)
		}
		if a[raStart] == "" || r.Start > r.End {
			r.Start = r.End
		}
	case a[raStart] == "":
		return dated, errors.New("no StartTime")
	}
	r.Received = r.End
	r.Has |= flow.HasTimes
	return dated, nil
}

// raTime reads a time as ra prints it: with a date, in Unix seconds (-u), or of the day only.
// A time without a zone is UTC.
func raTime(s string, day int64) (ns int64, dated bool, err error) {
	if len(s) >= 10 && s[4] == '/' {
		t, err := time.Parse("2006/01/02 15:04:05.999999999", strings.Replace(s, ".T", " ", 1))
		if err != nil {
			return 0, true, fmt.Errorf("%.40q is no time", s)
		}
		ns, err = unixNano(t)
		return ns, true, err
	}
	if len(s) >= 8 && s[2] == ':' {
		t, err := time.Parse("15:04:05.999999999", s)
		if err != nil {
			return 0, false, fmt.Errorf("%.40q is no time", s)
		}
		const oneDay = 24 * int64(time.Hour)
		ns = day - day%oneDay + int64(t.Sub(t.Truncate(24*time.Hour)))
		if ns > day {
			ns -= oneDay
		}
		return ns, false, nil
	}
	ns, err = instant(s)
	return ns, true, err
}

// counts takes packets and bytes of both sides. Where a file has totals and only the source's
// bytes, as binetflow, the rest is the destination's; packets of the sides are then known only
// if one side sent all.
func (a *raRow) counts(r *flow.Record) error {
	var n [raColumns]uint64
	for _, column := range [...]int{raSrcPkts, raDstPkts, raTotPkts, raSrcBytes, raDstBytes, raTotBytes, raSrcApp, raDstApp} {
		if a[column] == "" {
			continue
		}
		var err error
		if n[column], err = number(raNames[column], a[column]); err != nil {
			return err
		}
	}
	r.Has |= flow.HasRev
	if a.side(raSrcBytes, raDstBytes, raTotBytes, &n) {
		r.Fwd.Bytes, r.Rev.Bytes = n[raSrcBytes], n[raDstBytes]
		r.Has |= flow.HasBytes
	}
	known := a.side(raSrcPkts, raDstPkts, raTotPkts, &n)
	if !known && a[raTotPkts] != "" && r.Has.Has(flow.HasBytes) && r.Rev.Bytes == 0 {
		n[raSrcPkts], known = n[raTotPkts], true
	}
	if known {
		r.Fwd.Packets, r.Rev.Packets = n[raSrcPkts], n[raDstPkts]
		r.Has |= flow.HasPackets
	}
	if a[raSrcApp] != "" && a[raDstApp] != "" {
		r.Fwd.Payload, r.Rev.Payload = n[raSrcApp], n[raDstApp]
		r.Has |= flow.HasPayload
	}
	return nil
}

// side says whether the counts of both sides are known, by one another or by the total.
func (a *raRow) side(src, dst, total int, n *[raColumns]uint64) bool {
	switch {
	case a[src] != "" && a[dst] != "":
		return true
	case a[src] != "" && a[total] != "" && n[total] >= n[src]:
		n[dst] = n[total] - n[src]
		return true
	}
	return false
}

func (a *raRow) flags(r *flow.Record) {
	pair := func(src, dst int, bit flow.Set, fwd, rev *uint8) {
		x, err1 := strconv.ParseUint(a[src], 0, 8)
		y, err2 := strconv.ParseUint(a[dst], 0, 8)
		silent := a[dst] == "" && r.Rev.Bytes|r.Rev.Packets == 0
		if err1 == nil && (err2 == nil || silent) {
			*fwd, *rev = uint8(x), uint8(y)
			r.Has |= bit
		}
	}
	pair(raSrcToS, raDstToS, flow.HasToS, &r.Fwd.ToS, &r.Rev.ToS)
	pair(raSrcTTL, raDstTTL, flow.HasTTL, &r.Fwd.TTL, &r.Rev.TTL)
	if id, err := strconv.ParseUint(a[raVLAN], 0, 12); err == nil {
		r.VLAN = uint16(id)
		r.Has |= flow.HasVLAN
	}
}

// direction takes Dir and State. "<-" means that the destination began; a "?" that Argus did not
// see who did. A State of two sides (option -zb: FSPA_SPA) is their TCP flags.
func (a *raRow) direction(r *flow.Record) {
	src, dst, isFlags := strings.Cut(a[raState], "_")
	fwd, err1 := flow.ParseTCPFlags(src)
	rev, err2 := flow.ParseTCPFlags(dst)
	isFlags = isFlags && r.Proto == flow.ProtoTCP && err1 == nil && err2 == nil
	if isFlags {
		r.Fwd.Flags, r.Rev.Flags = fwd, rev
		r.Has |= flow.HasFlags
	}
	if strings.HasPrefix(a[raDir], "<") && !strings.HasSuffix(a[raDir], ">") {
		r.Reverse()
	}
	answered := r.Rev.Bytes > 0 || r.Rev.Packets > 0 || r.Rev.Flags != 0
	r.InitiatorBy = flow.ByFirstSeen
	if !isFlags {
		r.State, r.EndReason = raStateOf(a[raState], r.Proto, answered)
		return
	}
	r.State = tcpState(r.Fwd.Flags, r.Rev.Flags, answered)
	if r.Fwd.Flags&flow.SYN != 0 && !strings.Contains(a[raDir], "?") {
		r.InitiatorBy = flow.BySYN
	}
}

// raStateOf is what Argus' words for a state tell (ra(1), "state"): of TCP, REQ is a SYN, ACC a
// SYN ACK, CON data of both, FIN, CLO and RST an end. Of anything else, INT is one side and CON
// both.
func raStateOf(state string, proto uint8, answered bool) (flow.State, flow.EndReason) {
	end := flow.EndUnknown
	switch state {
	case "FIN", "CLO", "RST":
		end = flow.EndOfFlow
	case "TIM":
		end = flow.EndIdle
	}
	switch {
	case state == "":
		return flow.StateUnknown, end
	case !answered && proto == flow.ProtoTCP && state != "REQ":
		return flow.StateOneway, end
	case !answered:
		return flow.StateAttempt, end
	case proto != flow.ProtoTCP, state == "CON", state == "FIN", state == "CLO":
		return flow.StateEstablished, end
	}
	return flow.StateUnknown, end
}
