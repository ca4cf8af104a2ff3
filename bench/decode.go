package main

import (
	"context"
	"fmt"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
)

// rival is a decoder in a table.
type rival struct {
	name, does string
	make       func() decoder
	counts     bool // it ends with numbers that can be compared
}

const record = "one record of typed fields per flow"

// rivals gives the decoders that take a format, ours first.
func rivals(f gen.Format) []rival {
	list := []rival{
		{"flowferry", record, flowferry, true},
		{"goflow2", record + " (its protobuf struct, not yet marshalled)", func() decoder { return goflow2(f, true) }, true},
		{"goflow2, decoder alone", "a list of (type, bytes) per flow", func() decoder { return goflow2(f, false) }, false},
	}
	if f == gen.SFlow {
		list[2].does = "a struct per sample, the frame's header as bytes"
	}
	if f == gen.IPFIX || f == gen.IPFIXText {
		list = append(list,
			rival{"calmh/ipfix, interpreted", "a list of (name, value) per flow", func() decoder { return calmh(true) }, true},
			rival{"calmh/ipfix, parser alone", "a list of bytes per flow", func() decoder { return calmh(false) }, true})
	}
	return list
}

// decode measures the way from a datagram to what a program makes of it. All decoders see the
// same bytes; before that each must find the same flows, packets and bytes in them.
func decode(ctx context.Context, s *suite) error {
	for _, format := range decoded {
		stream := decodedStream(format)
		var all []contender
		for _, r := range rivals(format) {
			d := r.make()
			if r.counts {
				if err := agree(r.name, d, stream.Datagrams, r.wants(stream)); err != nil {
					return err
				}
			}
			all = append(all, contender{r.name, r.does, inProcess(pick[time.Duration](s.quick, 100, 400)*time.Millisecond, stream.Renumber, pass(stream, d))})
		}
		result, err := race(ctx, s.rounds, all)
		if err != nil {
			return err
		}
		unit := "flow"
		if format == gen.SFlow {
			unit = "sample"
		}
		fmt.Fprintf(s.out, "\n%v: %d datagrams with %d %ss, %d bytes per %s\n",
			format, len(stream.Datagrams), stream.Flows, unit, stream.Size/stream.Flows, unit)
		table(s.out, decodeRows(unit, result))
	}
	return nil
}

// decoded are the formats of the table.
var decoded = []gen.Format{gen.V5, gen.V9, gen.IPFIX, gen.IPFIXText, gen.SFlow}

// inCache is how many bytes of datagrams a pass has: they stay in the cache of a core, where the kernel
// leaves what a program receives.
const inCache = 512 << 10

// decodedStream makes the stream of a format for the table.
func decodedStream(f gen.Format) *gen.Stream {
	few := streamOf(f, 1000)
	return streamOf(f, few.Flows*inCache/few.Size)
}

func streamOf(f gen.Format, flows int) *gen.Stream {
	if f == gen.SFlow {
		return gen.NewSFlow(flows, 1)
	}
	return gen.NewStream(f, flows, 1)
}

// wants is what the rival must find in a stream: of a sampled packet goflow2 takes the bytes of
// the frame, and we those of the IP packet in it.
func (r *rival) wants(s *gen.Stream) sums {
	if s.Format == gen.SFlow && r.name == "goflow2" {
		return sums{s.Flows, s.Packets, s.Frames}
	}
	return sums{s.Flows, s.Packets, s.Bytes}
}

// pass sends the stream, newly numbered, through d once.
func pass(s *gen.Stream, d decoder) func() (int, error) {
	return func() (int, error) {
		for _, p := range s.Datagrams {
			if err := d(p, nil); err != nil {
				return 0, err
			}
		}
		return s.Flows, nil
	}
}

func decodeRows(unit string, result []series) [][]string {
	rows := [][]string{{"", "CPU ns/" + unit, "min–max", "vs first", "allocs/" + unit, "ends with"}}
	for i := range result {
		r := &result[i]
		rows = append(rows, []string{r.name, number(r.median(perUnit)), r.spread(perUnit), times(r, &result[0], perUnit),
			number(r.median(func(c cost) float64 { return c.allocs })), r.does})
	}
	return rows
}
