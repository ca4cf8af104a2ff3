package shipper

import "github.com/flowferry/flowferry/flow"

// stand-in
func appendID(dst []byte, r *flow.Record) []byte {
	const hex = "0123456789abcdef"
	for s := 60; s >= 0; s -= 4 {
		dst = append(dst, hex[r.Origin>>s&15])
	}
	for s := 60; s >= 0; s -= 4 {
		dst = append(dst, hex[r.Ord>>s&15])
	}
	return dst
}
func appendDocument(dst []byte, b *flow.Batch, r *flow.Record) []byte {
	dst = append(dst, `{"@timestamp":"2026-01-01T00:00:00Z","source":{"ip":"`...)
	dst = r.Src.AppendTo(dst)
	return append(dst, `"}}`...)
}
func streamOf(k flow.Kind) string { return k.String() }
