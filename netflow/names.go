package netflow

import "strings"

//go:generate go run ./gen

// ElementName gives the IANA name of an information element, "reverse…" for one of RFC 5103's
// reverse enterprise, our own for a field of a fixed NetFlow version that no element stands for,
// and "" for those of other enterprises and those not assigned.
func ElementName(pen uint32, id uint16) string {
	if pen == penFixed && int(id) < len(fixedNames) {
		return fixedNames[id]
	}
	if int(id) >= len(ianaElements) {
		return ""
	}
	name := ianaElements[id].name
	switch {
	case pen == penIANA || name == "":
		return name
	case pen == penReverse:
		return "reverse" + strings.ToUpper(name[:1]) + name[1:]
	}
	return ""
}

// ElementType gives the abstract data type of an IANA information element (RFC 7012 section
// 3.1), such as "unsigned32" or "string"; "" for others. Those of the reverse enterprise have
// the type of their forward element.
func ElementType(pen uint32, id uint16) string {
	if pen != penIANA && pen != penReverse || int(id) >= len(ianaElements) {
		return ""
	}
	return ianaElements[id].kind
}
