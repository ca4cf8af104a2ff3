//go:build ignore

// Makes pcap/made from the data beside it: `go run make.go`, here. Same input, same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"log"
	"os"
	"path/filepath"
	"strings"
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
}

// exports puts each group of vendor payloads on the wire: exporter n is 192.0.2.n:2055, the collector 198.51.100.1:2055.
// A datagram arrives in the second in which it says it was sent.
func exports(dir string) []byte {
	out := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	out = append(out, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)
	out = binary.LittleEndian.AppendUint32(out, 1) // Ethernet
	groups := strings.Split(strings.TrimSpace(string(read(filepath.Join(dir, "GROUPS.tsv")))), "\n")[1:]
	for n, group := range groups {
		_, files, _ := strings.Cut(group, "\t")
		for _, f := range strings.Fields(files) {
			payload := read(filepath.Join(dir, f))
			frame := datagram(byte(n+1), payload)
			out = binary.LittleEndian.AppendUint32(out, sent(payload))
			out = append(out, 0, 0, 0, 0)
			out = binary.LittleEndian.AppendUint32(out, uint32(len(frame)))
			out = binary.LittleEndian.AppendUint32(out, uint32(len(frame)))
			out = append(out, frame...)
		}
	}
	return out
}

// sent returns the export time of a header: RFC 7011 §3.1 for version 10, seconds at byte 8 in v5 and v9.
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
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	binary.BigEndian.PutUint16(f[24:], ^uint16(sum+sum>>16))
	f = binary.BigEndian.AppendUint16(f, 2055)
	f = binary.BigEndian.AppendUint16(f, 2055)
	f = binary.BigEndian.AppendUint16(f, uint16(8+len(payload)))
	f = append(f, 0, 0)
	return append(f, payload...)
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
