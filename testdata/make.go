//go:build ignore

// Makes pcap/made from the data beside it, from seeds.go and links.go, and export/made from nothing:
// `go run make.go seeds.go links.go`, here. Same input, same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	write("pcap/made/exports.pcap", exports("export/logstash"))

	http := read("pcap/arkime/v6-http.pcap")
	packed := pack(http)
	write("pcap/made/http.pcap.gz", packed)
	write("pcap/made/http.pcapng.gz", pack(read("pcap/zeek/tcp__http-on-irc-port-missing-syn.pcapng")))
	write("pcap/made/cut-gzip.pcap.gz", packed[:len(packed)/2])
	write("pcap/made/cut-in-record.pcap", http[:24+16+20])
	write("pcap/made/header-only.pcap", http[:24])
	write("pcap/made/empty.pcap", nil)

	write("pcap/made/links.pcapng", everyLink())
	seeds()
	for _, f := range fixed {
		write("export/made/"+f.file, f.datagram())
	}
}

// exports puts each group of vendor payloads on the wire: exporter n is 192.0.2.n:2055, the collector 198.51.100.1:2055.
// A datagram arrives in the second in which it says it was sent.
func exports(dir string) []byte {
	out := fileHeader(1) // Ethernet
	groups := strings.Split(strings.TrimSpace(string(read(filepath.Join(dir, "GROUPS.tsv")))), "\n")[1:]
	for n, group := range groups {
		_, files, _ := strings.Cut(group, "\t")
		for _, f := range strings.Fields(files) {
			payload := read(filepath.Join(dir, f))
			out = appendPacket(out, time.Unix(int64(sent(payload)), 0), datagram(byte(n+1), payload))
		}
	}
	return out
}

// fileHeader begins a pcap file of microseconds.
func fileHeader(link uint32) []byte {
	h := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	h = append(h, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)
	return binary.LittleEndian.AppendUint32(h, link)
}

func appendPacket(out []byte, at time.Time, frame []byte) []byte {
	for _, v := range []int{int(at.Unix()), at.Nanosecond() / 1000, len(frame), len(frame)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	return append(out, frame...)
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	sum = sum&0xffff + sum>>16
	return ^uint16(sum + sum>>16)
}

// sent returns the export time of a header: RFC 7011 §3.1 for version 10, seconds at byte 8 in those before.
func sent(payload []byte) uint32 {
	if binary.BigEndian.Uint16(payload) == 10 {
		return binary.BigEndian.Uint32(payload[4:])
	}
	return binary.BigEndian.Uint32(payload[8:])
}

// datagram wraps a payload in UDP (no checksum, RFC 768), IPv4 and Ethernet.
func datagram(exporter byte, payload []byte) []byte {
	f := []byte{2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 2, exporter, 8, 0}
	f = append(f, 0x45, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(28+len(payload)))
	f = append(f, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, exporter, 198, 51, 100, 1)
	binary.BigEndian.PutUint16(f[24:], checksum(f[14:34]))
	f = binary.BigEndian.AppendUint16(f, 2055)
	f = binary.BigEndian.AppendUint16(f, 2055)
	f = binary.BigEndian.AppendUint16(f, uint16(8+len(payload)))
	f = append(f, 0, 0)
	return append(f, payload...)
}

// form is a version of NetFlow without templates, or an aggregation scheme of version 8: the fields of its records, each
// with its length in bytes.
type form struct {
	file    string
	version uint16
	scheme  byte // of version 8
	fields  string
}

const (
	pair = "src4 dst4 hop4 in2 out2 packets4 bytes4 first4 last4 sport2 dport2 " // how all but version 8 begin
	sums = "flows4 packets4 bytes4 first4 last4 "                                // how most schemes of version 8 begin
)

// fixed are from Cisco's NetFlow Collection Engine User Guide, appendix B; version 6 is from the headers of flow-tools.
var fixed = []form{
	{"netflow1.dat", 1, 0, pair + "zero2 proto1 tos1 flags1 retransmits1 delay1 missequenced1 zero4"},
	{"netflow5.dat", 5, 0, pair + "zero1 flags1 proto1 tos1 srcas2 dstas2 srcmask1 dstmask1 zero2"},
	{"netflow6.dat", 6, 0, pair + "zero1 flags1 proto1 tos1 srcas2 dstas2 srcmask1 dstmask1 inencaps1 outencaps1 peerhop4"},
	{"netflow7.dat", 7, 0, pair + "invalid1 flags1 proto1 tos1 srcas2 dstas2 srcmask1 dstmask1 furtherinvalid2 router4"},
	{"netflow8_01_router_as.dat", 8, 1, sums + "srcas2 dstas2 in2 out2"},
	{"netflow8_02_proto_port.dat", 8, 2, sums + "proto1 zero3 sport2 dport2"},
	{"netflow8_03_src_prefix.dat", 8, 3, sums + "srcnet4 srcmask1 zero1 srcas2 in2 zero2"},
	{"netflow8_04_dst_prefix.dat", 8, 4, sums + "dstnet4 dstmask1 zero1 dstas2 out2 zero2"},
	{"netflow8_05_prefix.dat", 8, 5, sums + "srcnet4 dstnet4 srcmask1 dstmask1 zero2 srcas2 dstas2 in2 out2"},
	{"netflow8_06_dest_only.dat", 8, 6, "dst4 packets4 bytes4 first4 last4 out2 tos1 marked1 extra4 router4"},
	{"netflow8_07_src_dst.dat", 8, 7, "dst4 src4 packets4 bytes4 first4 last4 out2 in2 tos1 marked1 zero2 extra4 router4"},
	{"netflow8_08_full_flow.dat", 8, 8, "dst4 src4 dport2 sport2 packets4 bytes4 first4 last4 out2 in2 tos1 proto1 marked1 zero1 extra4 router4"},
	{"netflow8_09_router_as_tos.dat", 8, 9, sums + "srcas2 dstas2 in2 out2 tos1 zero3"},
	{"netflow8_10_proto_port_tos.dat", 8, 10, sums + "proto1 tos1 zero2 sport2 dport2 in2 out2"},
	{"netflow8_11_src_prefix_tos.dat", 8, 11, sums + "srcnet4 srcmask1 tos1 srcas2 in2 zero2"},
	{"netflow8_12_dst_prefix_tos.dat", 8, 12, sums + "dstnet4 dstmask1 tos1 dstas2 out2 zero2"},
	{"netflow8_13_prefix_tos.dat", 8, 13, sums + "srcnet4 dstnet4 srcmask1 dstmask1 tos1 zero1 srcas2 dstas2 in2 out2"},
	{"netflow8_14_prefix_port.dat", 8, 14, sums + "srcnet4 dstnet4 srcmask1 dstmask1 tos1 proto1 sport2 dport2 in2 out2"},
}

const uptime = 3600_000 // ms since the exporter started

// values are those of the first record, no two alike; of the second each is one more, so that protocol 6 becomes 7.
var values = map[string]uint64{
	"src": 0x0a010203, "dst": 0xc6336407, "hop": 0x0afefe01, "srcnet": 0x0a100000, "dstnet": 0xc6320000, "peerhop": 0x0afefd01,
	"router": 0xc0000263, "in": 11, "out": 22, "flows": 77, "packets": 1001, "bytes": 1500123, "first": uptime - 61_234,
	"last": uptime - 1_111, "sport": 49152, "dport": 443, "proto": 6, "tos": 0xb8, "flags": 0x1b, "srcas": 64496, "dstas": 65518,
	"srcmask": 12, "dstmask": 15, "retransmits": 3, "delay": 4, "missequenced": 5, "inencaps": 14, "outencaps": 18, "invalid": 0x41, "furtherinvalid": 0x0142,
	"marked": 0x28, "extra": 99,
}

// datagram makes two records under a header: engine 3/4, sampling 1 in 100 at random, where the version has them.
func (f *form) datagram() []byte {
	b := binary.BigEndian.AppendUint16(nil, f.version)
	b = binary.BigEndian.AppendUint16(b, 2)
	for _, v := range []uint32{uptime, 1_700_000_000, 123_456_789, 5000} { // uptime, seconds, nanoseconds, sequence
		b = binary.BigEndian.AppendUint32(b, v)
	}
	switch f.version {
	case 1:
		b = b[:16]
	case 5:
		b = append(b, 3, 4, 2<<6, 100)
	case 6:
		b = append(b, 3, 4, 0, 0)
	case 7:
		b = append(b, 0, 0, 0, 0)
	case 8:
		b = append(b, 3, 4, f.scheme, 2, 2<<6, 100, 0, 0)
	}
	for n := range uint64(2) {
		for _, field := range strings.Fields(f.fields) {
			name, size := field[:len(field)-1], int(field[len(field)-1]-'0')
			v, known := values[name]
			if known {
				v += n
			} else if name != "zero" {
				log.Fatalf("%s: no value for %s", f.file, name)
			}
			for ; size > 0; size-- {
				b = append(b, byte(v>>(8*(size-1))))
			}
		}
	}
	return b
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if _, err := z.Write(b); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	return out.Bytes()
}

func read(name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

func write(name string, b []byte) {
	if err := os.WriteFile(name, b, 0o644); err != nil {
		log.Fatal(err)
	}
}
