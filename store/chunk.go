package store

import (
	"unsafe"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// Chunk is the rows of one row group, column by column. It is valid until the function it was
// handed to returns.
type Chunk struct {
	File    string // path
	Stream  string
	Worker  int // which of Scan's goroutines; chunks of one worker come one after the other
	Rows    int
	Select  Bitmap // rows within the time range of the scan; nil is all
	columns map[string]*Column
	names   []string // of columns, sorted
	group   int      // of the file
}

// Column gives a column by its name, nil when no row of the chunk has a value. A geo point has
// the columns name.lat and name.lon.
func (c *Chunk) Column(name string) *Column { return c.columns[name] }

// Names lists the columns of the chunk in the order of their names.
func (c *Chunk) Names() []string { return c.names }

// Column is the values of one field in a chunk, in one of two forms.
//
// With Index the distinct values stand in a dictionary, and Index[i] is the entry of row i;
// entry 0 stands for null. With Offsets too, a row may have several values: those of row i are
// Index[Offsets[i]:Offsets[i+1]], and there are no nulls.
//
// Without Index, Ints or Floats hold one value per row; it counts where Valid is nil or set.
type Column struct {
	Name string
	Type ecs.Type // Keyword, IP, Long, Date, Boolean, Float or Flattened

	Index   []uint32
	Offsets []uint32
	Ints    []int64   // Long; Date in Unix ns; Boolean 0 and 1
	Floats  []float64 // Float
	Valid   Bitmap

	text  []byte   // entries of Keyword, IP and Flattened, one after the other
	ends  []uint32 // entry i is text[ends[i-1]:ends[i]]; ends[0] is 0: the null entry
	addrs []flow.Addr
	state uint8 // of addrs
}

// Entries gives the size of the dictionary, the null entry included.
func (c *Column) Entries() int {
	switch {
	case c.Index == nil:
		return 0
	case c.ends != nil:
		return len(c.ends)
	}
	return len(c.Ints)
}

// Text gives entry i of a Keyword, IP or Flattened column. It is valid as long as the chunk.
func (c *Column) Text(i uint32) []byte {
	if i == 0 {
		return nil
	}
	return c.text[c.ends[i-1]:c.ends[i]]
}

// Addrs gives the entries of an IP column as addresses. What is not an address is the zero Addr.
func (c *Column) Addrs() []flow.Addr {
	if c.state == 0 {
		c.state = 1
		c.addrs = make([]flow.Addr, len(c.ends))
		for i := range c.addrs {
			if t := c.Text(uint32(i)); len(t) > 0 {
				c.addrs[i], _ = flow.ParseAddr(unsafe.String(&t[0], len(t)))
			}
		}
	}
	return c.addrs
}

// Has says whether row i has a value.
func (c *Column) Has(i int) bool {
	switch {
	case c.Offsets != nil:
		return c.Offsets[i] < c.Offsets[i+1]
	case c.Index != nil:
		return c.Index[i] != 0
	}
	return c.Valid == nil || c.Valid.Get(i)
}

// Int gives the value of row i of a Long, Date or Boolean column; ok is false for null.
func (c *Column) Int(i int) (v int64, ok bool) {
	if c.Index != nil {
		e := c.Index[i]
		return c.Ints[e], e != 0
	}
	if c.Valid != nil && !c.Valid.Get(i) {
		return 0, false
	}
	return c.Ints[i], true
}
