package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"

	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/flowferry/flowferry/ecs"
)

// The encoding of a file. The columns are already split into dictionary and indexes, so they
// go to pages directly; the library's row writer would build both a second time. A file is
//
//	"PAR1" | per column: [dictionary page] data page | footer (thrift) | footer length | "PAR1"
//
// and a page is a thrift PageHeader and a zstd frame. A data page (v1) holds
//
//	[length, repetition levels] [length, definition levels] values
//
// Source: parquet-format, README.md, Encodings.md and parquet.thrift.

// encoder makes one file in memory.
type encoder struct {
	out    []byte
	page   []byte // uncompressed page
	packed []byte
	schema []format.SchemaElement
	chunks []format.ColumnChunk
	raw    int64 // uncompressed size of all pages
	err    error
}

// codec compresses pages. It keeps its encoders from file to file.
var codec = zstd.Codec{Level: zstd.SpeedDefault}

// leaf is a column as Parquet sees it.
type leaf struct {
	path     []string
	physical format.Type
	maxDef   byte // 1 optional, 2 list
	entries  int  // size of the dictionary; 0 is none
	dict     []byte
	encoding format.Encoding
	values   []byte
	min, max []byte
}

// encodeFile encodes the buffer as a Parquet file.
func encodeFile(fields []ecs.Field, buf *buffer) ([]byte, error) {
	e := &encoder{out: []byte("PAR1"), schema: make([]format.SchemaElement, 1)}
	roots := 0
	for i := range fields {
		if c := &buf.cols[i]; c.n > 0 {
			roots += e.column(&fields[i], c)
		}
	}
	e.schema[0] = format.SchemaElement{Name: "flowferry", NumChildren: thrift.New(int32(roots))}
	return e.finish(buf)
}

// column encodes one field and says how many columns of the table it became.
func (e *encoder) column(f *ecs.Field, c *column) int {
	switch {
	case f.Type == ecs.GeoPoint:
		e.floats(f.Name+latSuffix, c, c.floats)
		e.floats(f.Name+lonSuffix, c, c.lons)
		return 2
	case f.Type == ecs.Float:
		e.floats(f.Name, c, c.floats)
	case f.Type == ecs.Boolean:
		e.bools(f.Name, c)
	case f.Type == ecs.Date || f.Type == ecs.Long:
		e.ints(f, c)
	default:
		e.strings(f, c)
	}
	return 1
}

func (e *encoder) floats(name string, c *column, vs []float64) {
	e.schema = append(e.schema, element(name, format.Double))
	l := leaf{path: []string{name}, physical: format.Double, maxDef: 1, encoding: format.Plain, values: appendFloats(nil, vs)}
	l.min = binary.LittleEndian.AppendUint64(nil, math.Float64bits(slices.Min(vs)))
	l.max = binary.LittleEndian.AppendUint64(nil, math.Float64bits(slices.Max(vs)))
	e.chunk(&l, c)
}

func (e *encoder) bools(name string, c *column) {
	e.schema = append(e.schema, element(name, format.Boolean))
	packed := make([]byte, (len(c.nums)+7)/8)
	for i, v := range c.nums {
		packed[i>>3] |= byte(v&1) << (i & 7)
	}
	e.chunk(&leaf{path: []string{name}, physical: format.Boolean, maxDef: 1, encoding: format.Plain, values: packed}, c)
}

func (e *encoder) ints(f *ecs.Field, c *column) {
	el, nums := element(f.Name, format.Int64), c.nums
	if f.Type == ecs.Date {
		el.LogicalType.Value = &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MicroSeconds)}}
		el.ConvertedType = thrift.New(deprecated.TimestampMicros)
		nums = make([]int64, len(c.nums))
		for i, v := range c.nums {
			nums[i] = floorDiv(v, 1000)
		}
	}
	e.schema = append(e.schema, el)
	l := leaf{path: []string{f.Name}, physical: format.Int64, maxDef: 1}
	l.min = binary.LittleEndian.AppendUint64(nil, uint64(slices.Min(nums)))
	l.max = binary.LittleEndian.AppendUint64(nil, uint64(slices.Max(nums)))
	if entries, idx, ok := numDict(nums, len(nums)/4+16); ok && f.Type != ecs.Date {
		l.entries, l.dict = len(entries), appendInts(nil, entries)
		e.indexes(&l, idx)
	} else {
		l.encoding = format.DeltaBinaryPacked
		v, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, nums)
		l.values, e.err = v, first(e.err, err)
	}
	e.chunk(&l, c)
}

// strings encodes keywords, addresses and JSON.
func (e *encoder) strings(f *ecs.Field, c *column) {
	el := element(f.Name, format.ByteArray)
	el.LogicalType.Value, el.ConvertedType = new(format.StringType), thrift.New(deprecated.UTF8)
	if f.Type == ecs.Flattened {
		el.LogicalType.Value, el.ConvertedType = new(format.JsonType), thrift.New(deprecated.Json)
	}
	l := leaf{path: []string{f.Name}, physical: format.ByteArray, maxDef: 1}
	if f.Multi {
		l.path, l.maxDef = []string{f.Name, "list", "element"}, 2
		el.Name, el.RepetitionType = "element", thrift.New(format.Required)
		e.schema = append(e.schema,
			format.SchemaElement{Name: f.Name, RepetitionType: thrift.New(format.Optional), NumChildren: thrift.New(int32(1)),
				ConvertedType: thrift.New(deprecated.List), LogicalType: format.LogicalType{Value: new(format.ListType)}},
			format.SchemaElement{Name: "list", RepetitionType: thrift.New(format.Repeated), NumChildren: thrift.New(int32(1))})
	}
	e.schema = append(e.schema, el)
	switch {
	case f.Type == ecs.IP:
		var text []byte
		for i := range c.addrs.addrs {
			text = c.addrs.addrs[i].AppendTo(text[:0])
			l.dict = appendText(l.dict, text)
		}
		l.entries = len(c.addrs.addrs)
		e.indexes(&l, c.idx)
	case c.text.unique:
		l.encoding = format.Plain
		for _, i := range c.idx {
			l.values = appendText(l.values, c.text.at(i))
		}
	default:
		for i := range c.text.ends {
			l.dict = appendText(l.dict, c.text.at(int32(i)))
		}
		l.entries = len(c.text.ends)
		e.indexes(&l, c.idx)
	}
	e.chunk(&l, c)
}

// indexes encodes dictionary indexes: one byte bit width, then the RLE hybrid.
func (e *encoder) indexes(l *leaf, idx []int32) {
	l.encoding = format.RLEDictionary
	width := bits.Len(uint(l.entries - 1))
	v, err := (&rle.Encoding{BitWidth: width}).EncodeInt32(nil, idx)
	l.values, e.err = append([]byte{byte(width)}, v...), first(e.err, err)
}

func element(name string, t format.Type) format.SchemaElement {
	return format.SchemaElement{Name: name, Type: thrift.New(t), RepetitionType: thrift.New(format.Optional)}
}

// chunk writes the pages of one leaf and notes its metadata.
func (e *encoder) chunk(l *leaf, c *column) {
	entries := c.rows
	if l.maxDef == 2 {
		entries = len(c.levels)
	}
	m := format.ColumnMetaData{Type: l.physical, PathInSchema: l.path, Codec: format.Zstd, NumValues: int64(entries),
		Encoding:   []format.Encoding{l.encoding, format.RLE},
		Statistics: format.Statistics{NullCount: int64(entries - c.n), MinValue: l.min, MaxValue: l.max}}
	start, raw := len(e.out), e.raw
	if l.entries > 0 {
		m.DictionaryPageOffset = int64(start)
		m.Encoding = append(m.Encoding, format.Plain)
		e.page = append(e.page[:0], l.dict...)
		e.write(format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{
			NumValues: int32(l.entries), Encoding: format.Plain})})
	}
	m.DataPageOffset = int64(len(e.out))
	e.page = e.page[:0]
	if l.maxDef == 2 {
		e.levels(c.reps, 1)
		e.levels(c.levels, 2)
	} else {
		e.levels(definition(c), 1)
	}
	e.page = append(e.page, l.values...)
	e.write(format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(format.DataPageHeader{
		NumValues: int32(entries), Encoding: l.encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})})
	m.TotalCompressedSize, m.TotalUncompressedSize = int64(len(e.out)-start), e.raw-raw
	e.chunks = append(e.chunks, format.ColumnChunk{FileOffset: int64(start), MetaData: m})
}

// definition gives the definition levels of a column that is not a list.
func definition(c *column) []byte {
	if c.levels != nil {
		return c.levels
	}
	return slices.Repeat([]byte{1}, c.rows)
}

func (e *encoder) levels(levels []byte, width byte) {
	v, err := (&rle.Encoding{BitWidth: bits.Len8(width)}).EncodeLevels(nil, levels)
	e.page = binary.LittleEndian.AppendUint32(e.page, uint32(len(v)))
	e.page, e.err = append(e.page, v...), first(e.err, err)
}

// write compresses the page and appends it with its header.
func (e *encoder) write(h format.PageHeader) {
	var err error
	e.packed, err = codec.Encode(e.packed[:0], e.page)
	e.err = first(e.err, err)
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(e.page)), int32(len(e.packed))
	h.CRC = int32(crc32.ChecksumIEEE(e.packed))
	head, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
	e.err = first(e.err, err)
	e.raw += int64(len(head) + len(e.page))
	e.out = append(append(e.out, head...), e.packed...)
}

// finish writes the footer.
func (e *encoder) finish(buf *buffer) ([]byte, error) {
	rows := int64(buf.rows)
	orders := make([]format.ColumnOrder, len(e.chunks))
	for i := range orders {
		orders[i].Value = new(format.TypeDefinedOrder)
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), &format.FileMetaData{
		Version: 2, Schema: e.schema, NumRows: rows, CreatedBy: "flowferry", ColumnOrders: orders,
		KeyValueMetadata: []format.KeyValue{{Key: "flowferry.schema", Value: SchemaVersion}, {Key: "flowferry.stream", Value: buf.part.stream}},
		RowGroups: []format.RowGroup{{Columns: e.chunks, NumRows: rows, TotalByteSize: e.raw,
			FileOffset: 4, TotalCompressedSize: int64(len(e.out) - 4)}},
	})
	if err = first(e.err, err); err != nil {
		return nil, fmt.Errorf("encode %d rows: %w", rows, err)
	}
	e.out = append(e.out, footer...)
	e.out = binary.LittleEndian.AppendUint32(e.out, uint32(len(footer)))
	return append(e.out, "PAR1"...), nil
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// floorDiv rounds down, below zero too.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
