package packet

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// bothWays checks that a frame that is plain gives what it gives by the general way, and says whether it is.
func bothWays(t testing.TB, frame []byte, wire int) bool {
	t.Helper()
	var fast, general Headers
	if !plain(frame, &fast) {
		return false
	}
	if r := decode(LinkEthernet, frame, wire, &general); r != Accepted || !reflect.DeepEqual(fast, general) {
		t.Fatalf("%x: got %+v, want %v %+v", frame, fast, r, general)
	}
	if len(fast.Payload) > 0 && &fast.Payload[0] != &general.Payload[0] {
		t.Fatalf("%x: the payload is copied", frame)
	}
	return true
}

// plainFrames are of each plain kind, with a trailer behind the packet.
func plainFrames() (frames [][]byte) {
	tcp := "\x9c\x40\x00\x50\x01\x02\x03\x04\x05\x06\x07\x08\x60\x1b\x00\x00\xaa\xbb\x00\x00\x02\x04\x05\xb4GET / "
	udp := "\x9c\x40\x00\x35\x00\x0c\x00\x00text"
	for _, tags := range []string{"", "\x81\x00\x20\x0a", "\x88\xa8\x00\x0a\x81\x00\xe0\x14"} {
		for proto, segment := range map[byte]string{flow.ProtoTCP: tcp, flow.ProtoUDP: udp} {
			macs := "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c" + tags
			v4 := []byte("\x45\xb8\x00\x00\x12\x34\x40\x00\x3f" + string(proto) + "\xab\xcd\x0a\x00\x00\x01\xc0\x00\x02\x02" + segment)
			binary.BigEndian.PutUint16(v4[2:], uint16(len(v4)))
			v6 := slices.Concat([]byte("\x6b\x80\x12\x34\x00\x00"+string(proto)+"\x40"), bytes.Repeat([]byte{0x20, 1}, 8), bytes.Repeat([]byte{0xfe, 0x80}, 8), []byte(segment))
			binary.BigEndian.PutUint16(v6[4:], uint16(len(segment)))
			frames = append(frames, []byte(macs+"\x08\x00"+string(v4)+"tail"), []byte(macs+"\x86\xdd"+string(v6)+"tail"))
		}
	}
	return frames
}

// Plain frames give in one go what they give header by header, also when they are cut anywhere and with any byte
// changed.
func TestPlain(t *testing.T) {
	for _, frame := range plainFrames() {
		if !bothWays(t, frame, len(frame)) {
			t.Errorf("%x: not plain", frame)
		}
		for n := range frame {
			bothWays(t, frame[:n:n], len(frame))
		}
		for at := range frame {
			b := slices.Clone(frame)
			for c := range 256 {
				b[at] = byte(c)
				bothWays(t, b, len(b)+20)
			}
		}
	}
}

// Which frames are not plain.
func TestPlainNot(t *testing.T) {
	f := func(change func(b []byte) []byte) {
		t.Helper()
		if b := change(tcpFrame(100)); bothWays(t, b, len(b)) {
			t.Errorf("%x: plain", b)
		}
	}
	set := func(at int, v ...byte) func(b []byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return b }
	}
	tagged := func(tags ...byte) func(b []byte) []byte {
		return func(b []byte) []byte { return slices.Insert(b, 12, tags...) }
	}
	f(func(b []byte) []byte { return b[:14+20+19] })              // the TCP header is cut
	f(func(b []byte) []byte { return nil })                       //
	f(set(12, 8, 6))                                              // ARP
	f(set(12, 0, 60))                                             // LLC
	f(set(12, 0x88, 0x47))                                        // MPLS
	f(set(14, 0x46))                                              // options
	f(set(14, 0x65))                                              // another version
	f(set(16, 0, 0))                                              // segmentation offload
	f(set(16, 0, 39))                                             // not all of a TCP header
	f(set(20, 0x20, 0))                                           // the first fragment
	f(set(20, 0, 1))                                              // a later one
	f(set(23, flow.ProtoICMP))                                    // no ports
	f(tagged(0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3))        // three tags
	f(tagged(0x91, 0, 0, 1))                                      // an old tag
	f(func(b []byte) []byte { return tagged(0x81, 0)(b)[:14+8] }) // cut behind a tag
}

// FuzzPlain: a plain frame decodes alike in both ways.
func FuzzPlain(f *testing.F) {
	for _, frame := range plainFrames() {
		f.Add(frame, 0)
	}
	f.Fuzz(func(t *testing.T, frame []byte, more int) {
		defer fuzztest.Guard()()
		bothWays(t, frame, len(frame)+more&0xffff)
	})
}
