module github.com/flowferry/flowferry/bench

go 1.25.0

require (
	github.com/calmh/ipfix v1.3.0
	github.com/flowferry/flowferry v0.0.0
)

require github.com/netsampler/goflow2/v2 v2.2.6 // indirect

replace github.com/flowferry/flowferry => ../
