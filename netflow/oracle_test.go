package netflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/calmh/ipfix"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

// Our names of elements are those of calmh's dictionary, but for the elements that the registry
// has renamed since 2015.
func TestNamesAgreeWithCalmh(t *testing.T) {
	renamed := map[uint16]bool{}
	for _, id := range []uint16{105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127} {
		renamed[id] = true
	}
	s := ipfix.NewSession()
	in := ipfix.NewInterpreter(s)
	same := 0
	for _, pen := range []uint32{penIANA, penReverse} {
		for id := range uint16(500) {
			f := in.InterpretTemplate(ipfix.TemplateRecord{FieldSpecifiers: []ipfix.TemplateFieldSpecifier{{EnterpriseID: pen, FieldID: id}}})
			name := f[0].Name
			if name == "" || renamed[id] {
				continue
			}
			if got := elementName(pen, id); got != name && !strings.HasPrefix(name, "Assigned for") {
				t.Errorf("%d/%d: %s, calmh has %s", pen, id, got, name)
			}
			same++
		}
	}
	if same < 300 {
		t.Errorf("only %d names were compared", same)
	}
	if got := elementName(penIANA, 60000); got != "" {
		t.Errorf("element 60000 has the name %s", got)
	}
}

// The session gives what our own reader of field specifiers gives.
func FuzzTemplateSession(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(logstash, "ipfix*tpl*.dat"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		f.Add(payload(f, filepath.Base(file))[20:])
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		defer fuzztest.Guard()()
		var s session
		for len(p) >= 4 {
			fm := format{ipfix: true}
			h, ok := fm.header(p)
			if !ok {
				return
			}
			n, ok := fm.extent(p[4:], h.fields)
			if !ok {
				return
			}
			rec := p[:4+n]
			if binary.BigEndian.Uint16(rec) >= 256 && h.fields <= maxFields {
				if ours, theirs := fm.read(rec[4:], h), s.parse(rec); fmt.Sprint(ours) != fmt.Sprint(theirs) {
					t.Fatalf("ours %v, calmh %v", ours, theirs)
				}
			}
			p = p[4+n:]
		}
	})
}

func TestIsExport(t *testing.T) {
	for _, g := range vendorGroups(t) {
		for _, file := range g.files {
			if p := payload(t, file); !IsExport(p) {
				t.Errorf("%s is none", file)
			}
		}
	}
	f := func(p wire) {
		t.Helper()
		if IsExport(p) {
			t.Errorf("% x is one", []byte(p))
		}
	}
	f(nil)
	f(v5Message(0, 0, 3)[:100])
	f(append(v5Message(0, 0, 3), 0))
	f(v5Message(0, 0, 0))
	f(wire(bytes.Repeat([]byte{0, 9}, 40)))
	f(wire(bytes.Repeat([]byte{0, 10}, 40)))
	f(ipfixMessage(0, 0))
	f(append(ipfixMessage(0, 0, set(256, pair)), 1))
	f(v9Message(0, 0, set(256, pair), wire{}.u16(300, 9).u8(1, 2)))
	if !IsExport(v5Message(0, 0, 30)) || !IsExport(v9Message(0, 0, set(256, pair))) || !IsExport(ipfixMessage(0, 0, set(256, pair))) {
		t.Error("a good one is none")
	}
}
