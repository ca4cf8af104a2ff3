package app

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// ntpParse reads the first message of each side.
func ntpParse(v *View, m *flow.Meta) bool {
	client := ntpFollow(v.Client, m)
	return ntpFollow(v.Server, m) || client
}

const (
	ntpControlMode = 6
	ntpPrivateMode = 7
)

// ntpModes names those of time (RFC 5905 section 7.3), in which a client asks, and a server answers.
var ntpModes = [8]string{1: "symmetric-active", 2: "symmetric-passive", 3: "client", 4: "server", 5: "broadcast", 6: "control", 7: "private"}

// ntpFollow reads a message that brings what is not known yet:
//
//	leap, version, mode(1) stratum(1) poll(1) precision(1) delay(4) dispersion(4) reference(4) set(8) …
//	leap, version, mode=6(1) response, error, more, operation(1) …          (RFC 9327 section 2)
//	response, more, version, mode=7(1) auth(1) implementation(1) code(1) …   (of ntpd)
func ntpFollow(b []byte, m *flow.Meta) bool {
	if len(b) < 8 {
		return false
	}
	mode, version := b[0]&7, b[0]>>3&7
	serves := mode == 2 || mode == 4 || mode == 5
	switch t := m.Talk; {
	case version < 1 || version > 4 || mode == 0 || mode < ntpControlMode && len(b) < 48:
		return false
	case t != nil && (serves && t.NTP != nil || mode == 3 && t.Commands != nil):
		return false
	}
	switch {
	case m.Talk == nil && mode == 3:
		m.Talk = &ntpAsked[version]
		return true
	case m.Talk == &ntpAsked[version] && mode == 4:
		told := &struct {
			talk  flow.Talk
			clock flow.NTP
		}{ntpAnswered[version], ntpClock(b)}
		told.talk.NTP = &told.clock
		m.Talk = &told.talk
		return true
	}
	k := on(m)
	k.version(ntpVersions[version])
	switch {
	case mode == ntpControlMode:
		k.says(ntpModes[mode], b[1]&0x80 != 0)
		k.name(ntpOperation(ntpOperations[:], "control ", b[1]&0x1f))
	case mode == ntpPrivateMode:
		k.says(ntpModes[mode], b[0]&0x80 != 0)
		k.name(ntpOperation(ntpCodes[:], "private ", b[3]))
	default:
		k.says(ntpModes[mode], serves)
		if k.see().NTP == nil && (serves || mode == 1 && b[1] > 0) {
			k.edit().NTP = part(ntpClock(b))
		}
	}
	return k.end(m)
}

var ntpVersions = [...]string{1: "1", 2: "2", 3: "3", 4: "4"}

// ntpAsked and ntpAnswered are what most conversations tell, for each version: a client's message, and a
// server's after it, but for the clock.
var ntpAsked, ntpAnswered = func() (asked, answered [len(ntpVersions)]flow.Talk) {
	for i, version := range ntpVersions {
		asked[i] = flow.Talk{Version: version, Commands: []string{ntpModes[3]}}
		answered[i] = asked[i]
		answered[i].Results = []string{ntpModes[4]}
	}
	return asked, answered
}()

// ntpClock reads what a server says of its clock.
func ntpClock(b []byte) flow.NTP {
	c := flow.NTP{Stratum: b[1], Set: ntpTime(b[16:24])}
	switch id := b[12:16]; {
	case zeros(id):
	case c.Stratum <= 1 && printable(bytes.TrimRight(id, "\x00")): // letters, filled up with zeros
		c.Reference = text(bytes.TrimRight(id, "\x00 "))
	default:
		c.Reference = netip.AddrFrom4([4]byte(id)).String()
	}
	return c
}

// ntpTime gives Unix ns of seconds(4) fraction(4) since 1900 or, without the top bit, since 2036
// (RFC 4330 section 3); 0 of zeros.
func ntpTime(b []byte) int64 {
	const unix = 2208988800 // 1970 in seconds since 1900
	sec, fraction := int64(be32(b)), int64(be32(b[4:]))
	if sec == 0 && fraction == 0 {
		return 0
	}
	if sec < 1<<31 {
		sec += 1 << 32
	}
	return (sec-unix)*1e9 + fraction*1e9>>32
}

// ntpOperations names those of mode 6 (RFC 9327 section 2), and those that ntpd has added.
var ntpOperations = [32]string{1: "READSTAT", 2: "READVAR", 3: "WRITEVAR", 4: "READCLOCK", 5: "WRITECLOCK", 6: "SETTRAP", 7: "ASYNCMSG",
	8: "CONFIGURE", 9: "SAVECONFIG", 10: "READ_MRU", 11: "READ_ORDLIST_A", 12: "REQ_NONCE", 31: "UNSETTRAP"}

// ntpCodes names requests of mode 7, as ntpdc has them: those that are asked for to amplify an attack.
var ntpCodes = [43]string{0: "PEER_LIST", 1: "PEER_LIST_SUM", 2: "PEER_INFO", 3: "PEER_STATS", 4: "SYS_INFO", 5: "SYS_STATS", 6: "IO_STATS",
	7: "MEM_STATS", 8: "LOOP_INFO", 9: "TIMER_STATS", 16: "GET_RESTRICT", 20: "MON_GETLIST", 38: "IF_STATS", 42: "MON_GETLIST_1"}

func ntpOperation(names []string, kind string, code byte) string {
	if int(code) < len(names) && names[code] != "" {
		return names[code]
	}
	return kind + strconv.Itoa(int(code))
}
