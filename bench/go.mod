module github.com/flowferry/flowferry/bench

go 1.25.0

require (
	github.com/calmh/ipfix v1.3.0
	github.com/flowferry/flowferry v0.0.0
)

require (
	github.com/libp2p/go-reuseport v0.4.0 // indirect
	github.com/netsampler/goflow2/v2 v2.2.6
	golang.org/x/sys v0.46.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
	gopkg.in/gcfg.v1 v1.2.3 // indirect
	gopkg.in/warnings.v0 v0.1.2 // indirect
)

replace github.com/flowferry/flowferry => ../
