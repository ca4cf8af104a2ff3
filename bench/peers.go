package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/calmh/ipfix"
	"github.com/netsampler/goflow2/v2/decoders/netflow"
	"github.com/netsampler/goflow2/v2/producer"
	protoproducer "github.com/netsampler/goflow2/v2/producer/proto"
	"github.com/netsampler/goflow2/v2/utils"
	"github.com/netsampler/goflow2/v2/utils/templates"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/flow"
	ours "github.com/flowferry/flowferry/netflow"
)

// sums is what a decoder found in a stream; two that found the same agree on it.
type sums struct {
	Flows          int
	Packets, Bytes uint64
}

// decoder takes one datagram. It adds what it found to sums unless that is nil.
type decoder func(datagram []byte, found *sums) error

var (
	exporter = netip.MustParseAddrPort("192.0.2.1:2055")
	received = gen.Epoch.Add(time.Minute)
)

// flowferry decodes to records in a batch, which is given back when full.
func flowferry() decoder {
	d := ours.NewDecoder(ours.Config{})
	addr, b := flow.AddrFrom(exporter.Addr()), flow.NewBatch()
	return func(p []byte, found *sums) error {
		if err := d.Datagram(addr, exporter.Port(), p, received.UnixNano(), b); err != nil {
			return err
		}
		if found != nil {
			for i := range b.Recs {
				found.add(b.Recs[i].Fwd.Packets, b.Recs[i].Fwd.Bytes)
			}
		}
		if b.Full() || found != nil {
			b.Free()
			b = flow.NewBatch()
		}
		return nil
	}
}

func (s *sums) add(packets, bytes uint64) {
	s.Flows++
	s.Packets += packets
	s.Bytes += bytes
}

// goflow2 runs goflow2's pipe for the format. Without a producer it ends with a list of fields,
// each a type and its bytes, or for sFlow with a struct per sample; with its protobuf producer it
// ends with one message struct per flow.
func goflow2(f gen.Format, produce bool) decoder {
	tap := &tap{}
	cfg := &utils.PipeConfig{NetFlowTemplater: templates.DefaultTemplateGenerator}
	if produce {
		tap.ProducerInterface = goflow2Producer()
		cfg.Producer = tap
	}
	pipe := goflow2Pipe(f, cfg)
	return func(p []byte, found *sums) error {
		tap.found = found
		return pipe.DecodeFlow(&utils.Message{Src: exporter, Dst: exporter, Payload: p, Received: received})
	}
}

func goflow2Pipe(f gen.Format, cfg *utils.PipeConfig) utils.FlowPipe {
	if f == gen.SFlow {
		return utils.NewSFlowPipe(cfg)
	}
	return utils.NewNetFlowPipe(cfg)
}

// goflow2Producer is the producer that goflow2 runs with when it has no mapping file.
func goflow2Producer() producer.ProducerInterface {
	var none *protoproducer.ProducerConfig
	pc, err := none.Compile()
	if err != nil {
		panic(err) // it is valid
	}
	p, err := protoproducer.CreateProtoProducer(pc, protoproducer.CreateSamplingSystem)
	if err != nil {
		panic(err)
	}
	return p
}

// tap looks at the messages on their way back to the pool.
type tap struct {
	producer.ProducerInterface
	found *sums
	each  func(*protoproducer.ProtoProducerMessage)
}

func (t *tap) Commit(set []producer.ProducerMessage) {
	if t.found != nil {
		for _, m := range set {
			message := m.(*protoproducer.ProtoProducerMessage)
			t.found.add(message.Packets, message.Bytes)
			if t.each != nil {
				t.each(message)
			}
		}
	}
	t.ProducerInterface.Commit(set)
}

// goflow2Fields decodes one datagram to goflow2's fields and gives them by flow.
func goflow2Fields(system netflow.NetFlowTemplateSystem, p []byte) (flows [][]netflow.DataField, err error) {
	var v9 netflow.NFv9Packet
	var ipfix netflow.IPFIXPacket
	if err := netflow.DecodeMessageVersion(bytes.NewBuffer(p), system, &v9, &ipfix); err != nil {
		return nil, err
	}
	for _, set := range append(v9.FlowSets, ipfix.FlowSets...) {
		if data, ok := set.(netflow.DataFlowSet); ok {
			for _, r := range data.Records {
				flows = append(flows, r.Values)
			}
		}
	}
	return flows, nil
}

// calmh runs calmh/ipfix: parsed to one byte slice per field, and with interpret on to a value
// of a Go type with the element's name.
func calmh(interpret bool) decoder {
	session := ipfix.NewSession()
	interpreter := ipfix.NewInterpreter(session)
	var fields []ipfix.InterpretedField
	return func(p []byte, found *sums) error {
		m, err := session.ParseBuffer(p)
		if err != nil {
			return err
		}
		for _, r := range m.DataRecords {
			if !interpret && found == nil {
				continue
			}
			fields = interpreter.InterpretInto(r, fields[:cap(fields)])
			if found == nil {
				continue
			}
			var packets, bytes uint64
			for _, f := range fields {
				switch f.Name {
				case "packetDeltaCount":
					packets = f.Value.(uint64)
				case "octetDeltaCount":
					bytes = f.Value.(uint64)
				}
			}
			found.add(packets, bytes)
		}
		return nil
	}
}

// agree fails unless the decoder finds in the stream what was put into it.
func agree(name string, d decoder, datagrams [][]byte, want sums) error {
	var found sums
	for i, p := range datagrams {
		if err := d(p, &found); err != nil {
			return fmt.Errorf("%s: datagram %d: %w", name, i, err)
		}
	}
	if found != want {
		return fmt.Errorf("%s found %+v in datagrams that hold %+v", name, found, want)
	}
	return nil
}
