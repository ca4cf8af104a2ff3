package netflow

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/flowferry/flowferry/flow"
)

// maxPayload is the most a UDP datagram can hold, bytes.
const maxPayload = 65535

// Payloads is a source over files that each hold one export datagram as it was on the wire,
// without UDP header. They are taken as one exporter's datagrams in the order given. Who the
// exporter was is not in such a file: Record.Exporter stays zero, "no address", and
// Config.Allow does not apply; for sFlow it is the agent. A datagram's receive time is the
// export time in its header, and for sFlow, which has none, that of the file.
type Payloads struct {
	paths []string
	dec   *Decoder
	done  atomic.Int64
	total int64
}

// NewPayloads looks at the files and gives the source. Origin of the records is the XXH64 digest
// of all files' bytes in order.
func NewPayloads(paths []string, cfg Config) (*Payloads, error) {
	p := &Payloads{paths: paths}
	sum := xxhash.New()
	for _, path := range paths {
		data, err := readPayload(path)
		if err != nil {
			return nil, err
		}
		p.total += int64(len(data))
		sum.Write(data)
	}
	cfg.Allow = nil
	cfg.Origin = sum.Sum64()
	p.dec = NewDecoder(cfg)
	return p, nil
}

// Origin gives Record.Origin of all records.
func (p *Payloads) Origin() uint64 { return p.dec.cfg.Origin }

func readPayload(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read export payload: %w", err)
	}
	if st.IsDir() || st.Size() > maxPayload {
		return nil, fmt.Errorf("read export payload: %s is no file of one datagram (at most %d bytes)", path, maxPayload)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read export payload: %w", err)
	}
	return data, nil
}

// Run decodes the files. A datagram with a fault is counted (Stats), its good records kept.
func (p *Payloads) Run(ctx context.Context, emit func(*flow.Batch)) error {
	now := int64(0)
	for _, path := range p.paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := readPayload(path)
		if err != nil {
			return err
		}
		if t := exportTime(data); t != 0 {
			now = t
		} else if IsExport(data) { // sFlow
			now = fileTime(path)
		}
		b := flow.NewBatch()
		b.Now = now
		// A fault is counted by the decoder; the files after it may still be good.
		_ = p.dec.Datagram(flow.Addr{}, 0, data, now, b)
		p.done.Add(int64(len(data)))
		emit(b)
	}
	return nil
}

// Stats gives the decoder's account.
func (p *Payloads) Stats() []flow.Stat { return p.dec.Stats() }

// Exporters gives the account by domain.
func (p *Payloads) Exporters() []ExporterStats { return p.dec.Exporters() }

// Progress says how many of all bytes have been decoded.
func (p *Payloads) Progress() (done, total int64) { return p.done.Load(), p.total }

// fileTime is when a file was last written, Unix ns; 0 when that cannot be found out.
func fileTime(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.ModTime().UnixNano()
}

// exportTime reads the export time from the header of any version, Unix ns; 0 when there is none.
func exportTime(p []byte) int64 {
	if len(p) < ipfixHeader {
		return 0
	}
	switch binary.BigEndian.Uint16(p) {
	case 1, 5, 6, 7, 8:
		return int64(binary.BigEndian.Uint32(p[8:]))*1e9 + int64(binary.BigEndian.Uint32(p[12:]))
	case 9:
		return int64(binary.BigEndian.Uint32(p[8:])) * 1e9
	case 10:
		return int64(binary.BigEndian.Uint32(p[4:])) * 1e9
	}
	return 0
}
