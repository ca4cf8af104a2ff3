// Package capture turns captured packets into flow records: it reads pcap and pcapng files, and on
// Linux network interfaces, keeps a table of conversations of the packets that package packet
// decodes, and emits a bidirectional flow.Record for each when it ends, with a label and metadata
// found in the first bytes of its payload.
//
// A packet goes File.Read → packet.Decode → packet.Inner → Meter.Packets in one goroutine, a few at a
// time so that waits for memory overlap (ahead.go); nothing is copied on the way, for a file is read in
// pieces of 1 MiB in which the packets stay, and nothing is allocated per packet. File.Next and
// Meter.Packet do the same for one. Live does so for network interfaces, with one ring of memory shared
// with the kernel and one meter for each worker. Each packet ends in exactly one place: in the counts
// of one flow, or in one named counter of rejects, so that after Meter.Flush
//
//	capture.packets = capture.flow_packets + capture.unsupported_link + capture.not_ip
//	                + capture.truncated + capture.bad_header
//
// A packet in a tunnel counts in the flow of what it carries (Config.Tunnels), an ICMP error in a
// flow of its own, a fragment in that of its datagram. Beside the counts a flow has a flow.Wire:
// what TCP did, the tunnel, and where its packets stand in the file, from which Cutter takes them.
//
// A file that is broken in the middle gives what was read before the break and one *BrokenError
// that names the byte. The package never trusts a length it reads, never panics on input and
// never holds more than Config.MaxFlows flows: what has to make room is exported.
package capture
