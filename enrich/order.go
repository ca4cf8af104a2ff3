package enrich

import "github.com/flowferry/flowferry/flow"

// places is what is asked of an address, in this order. Each adds to what the ones before it
// found. It is asked once per address and cache life.
var places = [...]func(*Tables, *address){
	(*Tables).geo,
	(*Tables).asn,
	(*Tables).group,
	(*Tables).bogon,
	(*Tables).watch,
}

// flows is what is made of a record once its addresses are known, in this order.
var flows = [...]func(*Tables, *flow.Record, *flow.Enr){
	(*Tables).direction,
	(*Tables).service,
}
