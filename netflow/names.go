package netflow

import (
	"strings"
	"sync"

	"github.com/flowferry/flowferry/flow"
)

//go:generate go run ./gen

// elementKey is what names an information element: enterprise number and id.
type elementKey struct {
	pen uint32
	id  uint16
}

// elementName gives the name of an information element: the IANA name, "reverse…" for one of
// RFC 5103's reverse enterprise, the maker's for those of other enterprises and for field types
// of NetFlow v9 as far as they are known, our own for a field of a fixed NetFlow version that no
// element stands for, else "". It allocates nothing.
func elementName(pen uint32, id uint16) string {
	if pen == penFixed && int(id) < len(fixedNames) {
		return fixedNames[id]
	}
	if pen == penIANA || pen == penReverse {
		if int(id) < len(ianaElements) {
			if pen == penReverse {
				return reverseNames()[id]
			}
			return ianaElements[id]
		}
	}
	key := home(elementKey{pen, id})
	if name := vendorNames[key]; name != "" {
		return name
	}
	if key.pen == penCERT && id&reverseBit != 0 {
		return reverseCERT()[id&^reverseBit]
	}
	return ""
}

// reverseNames are the names of IANA elements in the reverse enterprise.
var reverseNames = sync.OnceValue(func() []string {
	names := make([]string, len(ianaElements))
	for i := range ianaElements {
		names[i] = reversed(ianaElements[i])
	}
	return names
})

// reverseCERT are the names of CERT's elements with the bit for the reverse direction.
var reverseCERT = sync.OnceValue(func() map[uint16]string {
	names := map[uint16]string{}
	for key, name := range vendorNames {
		if key.pen == penCERT {
			names[key.id] = reversed(name)
		}
	}
	return names
})

func reversed(name string) string {
	if name == "" {
		return ""
	}
	return "reverse" + strings.ToUpper(name[:1]) + name[1:]
}

// nameOf gives the element with its name and without a value.
func nameOf(pen uint32, id uint16) flow.Element {
	return flow.Element{PEN: pen, ID: id, Name: elementName(pen, id)}
}

// NetFlow v9 has no enterprise numbers. Makers put their elements above the IANA numbers: nProbe
// by adding 57472, Cisco and Palo Alto by setting the top bit, as IPFIX has it on the wire.
const (
	nprobeBase = 57472
	topBit     = 0x8000
)

// home gives the enterprise of a NetFlow v9 field type that has none of its own; others stay
// what they are.
func home(key elementKey) elementKey {
	if key.pen != penIANA || key.id < topBit || vendorNames[key] != "" {
		return key
	}
	for _, try := range [...]elementKey{{penNtop, key.id - nprobeBase}, {penCisco, key.id &^ topBit}} {
		if vendorNames[try] != "" && (try.pen != penNtop || key.id >= nprobeBase) {
			return try
		}
	}
	return key
}
