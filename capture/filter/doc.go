// Package filter selects packets by an expression in the language of tcpdump. It compiles the
// expression to a classic BPF program, which the kernel runs on a packet socket before it copies a
// packet, and Program.Match on the packets of a file.
//
//	text ─ Parse ─▶ terms (and, or, not) ─ for a link type ─▶ tests of one number each ─ emit ─▶ BPF
//
// A part of pcap-filter(7) is understood, and that part selects the same packets as tcpdump does;
// anything else is refused when it is parsed. In particular, as in tcpdump: "and" and "or" have the
// same precedence and are read from left to right; "port" does not look behind the extension headers
// of IPv6, nor into later fragments; and "vlan" moves all that stands after it behind the tag. A
// packet that ends before a byte that the program looks at is not selected.
package filter
