// Package packet decodes one packet by hand, from its link header down to its transport header:
// Ethernet, PPP and the other link types that tcpdump writes (links.go has the less common), VLAN,
// MPLS, PPPoE and other wrappers (wrap.go), IPv4 and IPv6 with extension headers, TCP, UDP, SCTP and
// ICMP.
//
// It serves captures and the packet headers that sFlow agents send, so that both tell the same of
// the same bytes. Decode keeps nothing between two packets and allocates nothing, but for the few
// rare link types that it leaves to gopacket. It never trusts a length it reads and never panics
// on input. Inner goes on into a packet that is carried by another. What needs more than one packet, such as the ports of later fragments, is its user's.
package packet
