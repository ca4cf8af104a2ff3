package netflow

import "github.com/flowferry/flowferry/flow"

// This file, with ie_info.go for names and texts, is the one place where an information element
// gets its meaning. To add one:
// a constant with its IANA name, a row in elements with an op that exists, or else a new op,
// its size in sizes, its case in work.columns or plan.rare, and what it always gives in gives and tells.

// Information elements by their IANA name (https://www.iana.org/assignments/ipfix). NetFlow v9
// field types (RFC 3954 section 8) have the same numbers where both have the datum.
const (
	ieOctetDeltaCount                  = 1
	iePacketDeltaCount                 = 2
	ieDeltaFlowCount                   = 3
	ieProtocolIdentifier               = 4
	ieIPClassOfService                 = 5
	ieTCPControlBits                   = 6
	ieSourceTransportPort              = 7
	ieSourceIPv4Address                = 8
	ieSourceIPv4PrefixLength           = 9
	ieIngressInterface                 = 10
	ieDestinationTransportPort         = 11
	ieDestinationIPv4Address           = 12
	ieDestinationIPv4PrefixLength      = 13
	ieEgressInterface                  = 14
	ieIPNextHopIPv4Address             = 15
	ieBGPSourceAsNumber                = 16
	ieBGPDestinationAsNumber           = 17
	ieBGPNextHopIPv4Address            = 18
	ieFlowEndSysUpTime                 = 21
	ieFlowStartSysUpTime               = 22
	iePostOctetDeltaCount              = 23
	iePostPacketDeltaCount             = 24
	ieSourceIPv6Address                = 27
	ieDestinationIPv6Address           = 28
	ieSourceIPv6PrefixLength           = 29
	ieDestinationIPv6PrefixLength      = 30
	ieICMPTypeCodeIPv4                 = 32
	ieSamplingInterval                 = 34
	ieSamplingAlgorithm                = 35
	ieIPv4RouterSC                     = 43
	ieSamplerID                        = 48
	ieSamplerMode                      = 49
	ieSamplerRandomInterval            = 50
	ieMinimumTTL                       = 52
	ieSourceMacAddress                 = 56
	iePostDestinationMacAddress        = 57
	ieVlanID                           = 58
	iePostVlanID                       = 59
	ieIPVersion                        = 60
	ieFlowDirection                    = 61
	ieIPNextHopIPv6Address             = 62
	ieBGPNextHopIPv6Address            = 63
	ieMplsTopLabelStackSection         = 70
	ieDestinationMacAddress            = 80
	iePostSourceMacAddress             = 81
	ieInterfaceName                    = 82
	ieInterfaceDescription             = 83
	ieOctetTotalCount                  = 85
	iePacketTotalCount                 = 86
	ieForwardingStatus                 = 89
	ieApplicationDescription           = 94
	ieApplicationID                    = 95
	ieApplicationName                  = 96
	ieBGPNextAdjacentAsNumber          = 128
	ieBGPPrevAdjacentAsNumber          = 129
	ieFlowEndReason                    = 136
	ieICMPTypeCodeIPv6                 = 139
	ieFlowStartSeconds                 = 150
	ieFlowEndSeconds                   = 151
	ieFlowStartMilliseconds            = 152
	ieFlowEndMilliseconds              = 153
	ieFlowStartMicroseconds            = 154
	ieFlowEndMicroseconds              = 155
	ieFlowStartNanoseconds             = 156
	ieFlowEndNanoseconds               = 157
	ieFlowStartDeltaMicroseconds       = 158
	ieFlowEndDeltaMicroseconds         = 159
	ieSystemInitTimeMilliseconds       = 160
	ieFlowDurationMilliseconds         = 161
	ieFlowDurationMicroseconds         = 162
	ieICMPTypeIPv4                     = 176
	ieICMPCodeIPv4                     = 177
	ieICMPTypeIPv6                     = 178
	ieICMPCodeIPv6                     = 179
	ieUDPSourcePort                    = 180
	ieUDPDestinationPort               = 181
	ieTCPSourcePort                    = 182
	ieTCPDestinationPort               = 183
	ieIPTTL                            = 192
	ieIPDiffServCodePoint              = 195
	iePaddingOctets                    = 210
	iePostNATSourceIPv4Address         = 225
	iePostNATDestinationIPv4Address    = 226
	iePostNAPTSourceTransportPort      = 227
	iePostNAPTDestinationTransportPort = 228
	ieNATEvent                         = 230
	ieInitiatorOctets                  = 231
	ieResponderOctets                  = 232
	ieFirewallEvent                    = 233
	ieIngressVRFID                     = 234
	ieEgressVRFID                      = 235
	ieVRFName                          = 236
	ieBiflowDirection                  = 239
	ieDot1qVlanID                      = 243
	iePostDot1qVlanID                  = 254
	ieIngressPhysicalInterface         = 252
	ieEgressPhysicalInterface          = 253
	ieEthernetType                     = 256
	iePostNATSourceIPv6Address         = 281
	iePostNATDestinationIPv6Address    = 282
	ieInitiatorPackets                 = 298
	ieResponderPackets                 = 299
	ieSelectorID                       = 302
	ieSelectorAlgorithm                = 304
	ieSamplingPacketInterval           = 305
	ieSamplingPacketSpace              = 306
	ieSamplingSize                     = 309
	ieSamplingPopulation               = 310
	ieSamplingProbability              = 311
	ieObservationTimeSeconds           = 322
	ieObservationTimeMilliseconds      = 323
	ieObservationTimeMicroseconds      = 324
	ieObservationTimeNanoseconds       = 325
	ieLayer2OctetDeltaCount            = 352
	ieUserName                         = 371
	ieBasicList                        = 291
	ieSubTemplateList                  = 292
	ieSubTemplateMultiList             = 293
	ieOriginalExporterIPv4Address      = 403
	ieOriginalExporterIPv6Address      = 404
	ieHTTPStatusCode                   = 457
	ieHTTPRequestMethod                = 459
	ieHTTPRequestHost                  = 460
	ieHTTPRequestTarget                = 461
	ieHTTPMessageVersion               = 462
	ieHTTPUserAgent                    = 468
	ieHTTPContentType                  = 469

	// NetFlow v9 field types without an IANA number.
	nfFwExtEvent     = 33002 // Cisco ASA NF_F_FW_EXT_EVENT
	nfUsername       = 40000 // Cisco ASA NF_F_USERNAME
	nfXlateSrcAddr   = 40001 // Cisco ASA before 8.4: translated addresses and ports
	nfXlateDstAddr   = 40002
	nfXlateSrcPort   = 40003
	nfXlateDstPort   = 40004
	nfFwEvent        = 40005 // Cisco ASA NF_F_FW_EVENT
	nfPaloAltoAppID  = 56701 // Palo Alto App-ID: a name
	nfPaloAltoUserID = 56702 // Palo Alto User-ID: a name
)

// Private enterprise numbers.
const (
	penIANA    = 0
	penReverse = 29305 // RFC 5103 section 6.1: the element of the reverse direction
	penCERT    = 6871  // YAF; bit 0x4000 of the id (reverseBit) marks the reverse direction
	penCisco   = 9
	penNokia   = 637
	penIxia    = 3054
	penCitrix  = 5951
	penPhion   = 10704 // Barracuda
	penProcera = 15397
	penPalo    = 25461
	penGigamon = 26866
	penNtop    = 35632
	penFixed   = 1<<32 - 2 // no enterprise: fields of the fixed NetFlow versions without an element (layouts.go)
	penScope   = 1<<32 - 1 // no enterprise: the scope field types of NetFlow v9 (RFC 3954 section 6.1)
)

// Elements of Cisco's Application Visibility and Control (AVC Metric Definition Guide).
const (
	avcApplication         = 12235 // a field that NBAR extracted from the payload
	avcClientIPv4Address   = 12236
	avcServerIPv4Address   = 12237
	avcClientIPv6Address   = 12238
	avcServerIPv6Address   = 12239
	avcClientTransportPort = 12240
	avcServerTransportPort = 12241
)

// reverseBit marks the reverse direction in ids of CERT.
const reverseBit = 0x4000

// op is what is done with the value of an element.
type op uint8

const (
	opKeep op = iota // kept as it came in Meta.Unknown
	opDrop           // known, and said already by something else
	opVar            // internal: an element of variable length, its own op in step.then
	opBytes
	opPackets
	opProto
	opToS
	opFlags
	opSrcPort
	opDstPort
	opSrc4
	opDst4
	opSrcIs4 // internal: opSrc4 where no other element gives the address
	opDstIs4
	opSrc6
	opDst6
	opSrcMask
	opDstMask
	opInIf
	opOutIf
	opNextHop4
	opNextHop6
	opSrcAS
	opDstAS
	opICMP
	opSrcMAC
	opDstMAC
	opVLAN
	opPostVLAN
	opDirection
	opEndReason
	opStartUp // ms since the exporter started
	opEndUp
	opStartS
	opEndS
	opStartMs
	opEndMs
	opStartNTP // 64 bits of NTP time stamp (RFC 7011 section 6.1.9)
	opEndNTP
	opStartBefore // µs before the export time
	opEndBefore
	opRows // what follows needs more than the record, or few templates ask for it
	opRevBytes
	opRevPackets
	opDSCP
	opTTL
	opUnionFlags
	opInitFlags
	opRevToS
	opRevFlags
	opRevTTL
	opRevUnionFlags
	opRevInitFlags
	opSrcPortIf // a port that is there only for its protocol
	opDstPortIf
	opICMPType
	opICMPCode
	opMPLS
	opNATSrc4
	opNATDst4
	opNATSrc6
	opNATDst6
	opNATSrcPort
	opNATDstPort
	opFirewallEvent
	opNATEvent
	opBiflow
	opBoot // when the exporter started, ms
	opDurationMs
	opDurationUs
	opSampler
	opRate
	opInVRF
	opOutVRF
	opApp
	opFlows
	opInfo // what follows, up to ops, is not of the record but of its Meta, and kept where it has no use
	opSilkApp
	opAppName
	opUser
	opEventCode
	opReason
	opHTTPURL
	opHTTPGet // method and URL
	opHTTPHost
	opHTTPMethod
	opHTTPStatus
	opHTTPVersion
	opHTTPUserAgent
	opHTTPReferrer
	opHTTPServer
	opHTTPType
	opDNSName
	opDNSType
	opDNSRcode
	opDNSID
	opDNSAnswers
	opTLSName
	opTLSCipher
	opTLSVersion
	opTLSSubject
	opTLSIssuer
	opTLSSerial
	opSubApp
	opBasicList // lists of RFC 6313
	opSubList
	opSubMultiList
	ops
)

// columnar says whether work.columns does the op; plan.rare does the others.
func (o op) columnar() bool { return o > opVar && o < opRows }

// size is which lengths of a value an op can take. Others are kept as unknown.
type size uint8

const (
	sizeNumber size = iota // 1 to 8 bytes, as any length is allowed by reduced-size encoding (RFC 7011 section 6.2)
	sizeAny
	sizeApp // an applicationId: 1 to 8 bytes, or 9 with an enterprise number within (RFC 6759 section 4.1)
	size3
	size4
	size6
	size8
	size16
)

func (s size) fits(n int) bool {
	return s == sizeAny || s == sizeNumber && n >= 1 && n <= 8 || s == sizeApp && n >= 1 && n <= 9 || s == size3 && n == 3 || s == size4 && n == 4 ||
		s == size6 && n == 6 || s == size8 && n == 8 || s == size16 && n == 16
}

var sizes = [ops]size{
	opKeep: sizeAny, opDrop: sizeAny, opVar: sizeAny, opAppName: sizeAny, opUser: sizeAny,
	opHTTPURL: sizeAny, opHTTPGet: sizeAny, opHTTPHost: sizeAny, opHTTPMethod: sizeAny, opHTTPStatus: sizeAny, opHTTPVersion: sizeAny,
	opHTTPUserAgent: sizeAny, opHTTPReferrer: sizeAny, opHTTPServer: sizeAny, opHTTPType: sizeAny, opDNSName: sizeAny,
	opTLSName: sizeAny, opTLSSubject: sizeAny, opTLSIssuer: sizeAny, opTLSSerial: sizeAny, opReason: sizeAny, opSubApp: sizeAny,
	opBasicList: sizeAny, opSubList: sizeAny, opSubMultiList: sizeAny, opApp: sizeApp,
	opSrc4: size4, opDst4: size4, opNextHop4: size4, opNATSrc4: size4, opNATDst4: size4,
	opSrc6: size16, opDst6: size16, opNextHop6: size16, opNATSrc6: size16, opNATDst6: size16,
	opSrcMAC: size6, opDstMAC: size6, opMPLS: size3, opStartNTP: size8, opEndNTP: size8,
}

// gives is what an op gives to every record, whatever the value.
var gives = [ops]flow.Set{
	opBytes: flow.HasBytes, opPackets: flow.HasPackets, opRevBytes: flow.HasRev, opRevPackets: flow.HasRev,
	opProto: flow.HasProto, opToS: flow.HasToS, opDSCP: flow.HasToS, opFlags: flow.HasFlags, opTTL: flow.HasTTL,
	opUnionFlags: flow.HasFlags, opInitFlags: flow.HasInitFlags | flow.HasFlags, opSrcPort: flow.HasPorts, opDstPort: flow.HasPorts,
	opSrcPortIf: flow.HasPorts, opDstPortIf: flow.HasPorts,
	opInIf: flow.HasInIf, opOutIf: flow.HasOutIf, opSrcMask: flow.HasSrcMask, opDstMask: flow.HasDstMask,
}

// tells is what an op names in every record, beyond what it gives.
var tells = [ops]got{
	opStartUp: gotStartUp, opEndUp: gotEndUp,
	opICMP: gotICMP, opICMPType: gotICMP, opICMPCode: gotICMP,
}

// slot is a place of the record that several elements can fill. Of those in a template the one
// with the lowest rank does.
type slot uint8

const (
	slotNone slot = iota
	slotBytes
	slotPackets
	slotRevBytes
	slotRevPackets
	slotToS
	slotTTL
	slotSrc4
	slotDst4
	slotSrc6
	slotDst6
	slotSrcPort
	slotDstPort
	slotInIf
	slotOutIf
	slotNextHop4
	slotNextHop6
	slotSrcMAC
	slotDstMAC
	slotVLAN
	slotPostVLAN
	slotStart
	slotEnd
	slotDuration
	slots
)

// element is one row of the table.
type element struct {
	pen  uint32
	id   uint16
	op   op
	slot slot
	rank uint8
}

var elements = [...]element{
	// Counts. 23 and 24 count after a middlebox, or the other direction (nProbe, FortiOS), and
	// stand for the flow only where nothing better does.
	{penIANA, ieOctetDeltaCount, opBytes, slotBytes, 0},
	{penIANA, ieOctetTotalCount, opBytes, slotBytes, 1},
	{penIANA, ieInitiatorOctets, opBytes, slotBytes, 2},
	{penIANA, iePostOctetDeltaCount, opBytes, slotBytes, 3},
	{penIANA, iePacketDeltaCount, opPackets, slotPackets, 0},
	{penIANA, iePacketTotalCount, opPackets, slotPackets, 1},
	{penIANA, ieInitiatorPackets, opPackets, slotPackets, 2},
	{penIANA, iePostPacketDeltaCount, opPackets, slotPackets, 3},
	{penIANA, ieDeltaFlowCount, opFlows, slotNone, 0},
	{penReverse, ieOctetDeltaCount, opRevBytes, slotRevBytes, 0},
	{penReverse, ieOctetTotalCount, opRevBytes, slotRevBytes, 1},
	{penIANA, ieResponderOctets, opRevBytes, slotRevBytes, 2},
	{penReverse, iePacketDeltaCount, opRevPackets, slotRevPackets, 0},
	{penReverse, iePacketTotalCount, opRevPackets, slotRevPackets, 1},
	{penIANA, ieResponderPackets, opRevPackets, slotRevPackets, 2},
	// Addresses and ports.
	{penIANA, ieSourceIPv4Address, opSrc4, slotSrc4, 0},
	{penIANA, ieDestinationIPv4Address, opDst4, slotDst4, 0},
	{penIANA, ieSourceIPv6Address, opSrc6, slotSrc6, 0},
	{penIANA, ieDestinationIPv6Address, opDst6, slotDst6, 0},
	{penIANA, ieSourceTransportPort, opSrcPort, slotSrcPort, 0},
	{penIANA, ieDestinationTransportPort, opDstPort, slotDstPort, 0},
	// Cisco AVC names the ends of a connection where it says nothing of single packets.
	{penCisco, avcClientIPv4Address, opSrc4, slotSrc4, 1},
	{penCisco, avcServerIPv4Address, opDst4, slotDst4, 1},
	{penCisco, avcClientIPv6Address, opSrc6, slotSrc6, 1},
	{penCisco, avcServerIPv6Address, opDst6, slotDst6, 1},
	{penCisco, avcClientTransportPort, opSrcPort, slotSrcPort, 1},
	{penCisco, avcServerTransportPort, opDstPort, slotDstPort, 1},
	{penIANA, ieUDPSourcePort, opSrcPortIf, slotNone, 0},
	{penIANA, ieUDPDestinationPort, opDstPortIf, slotNone, 0},
	{penIANA, ieTCPSourcePort, opSrcPortIf, slotNone, 0},
	{penIANA, ieTCPDestinationPort, opDstPortIf, slotNone, 0},
	{penIANA, ieSourceMacAddress, opSrcMAC, slotSrcMAC, 0},
	{penIANA, iePostSourceMacAddress, opSrcMAC, slotSrcMAC, 1},
	{penIANA, ieDestinationMacAddress, opDstMAC, slotDstMAC, 0},
	{penIANA, iePostDestinationMacAddress, opDstMAC, slotDstMAC, 1},
	// Headers of the packets.
	{penIANA, ieProtocolIdentifier, opProto, slotNone, 0},
	{penIANA, ieIPVersion, opDrop, slotNone, 0},
	{penIANA, ieIPClassOfService, opToS, slotToS, 0},
	{penIANA, ieIPDiffServCodePoint, opDSCP, slotToS, 1},
	{penReverse, ieIPClassOfService, opRevToS, slotNone, 0},
	{penIANA, ieMinimumTTL, opTTL, slotTTL, 0},
	{penIANA, ieIPTTL, opTTL, slotTTL, 1},
	{penReverse, ieMinimumTTL, opRevTTL, slotNone, 0},
	{penIANA, ieTCPControlBits, opFlags, slotNone, 0},
	{penReverse, ieTCPControlBits, opRevFlags, slotNone, 0},
	{penCERT, 14, opInitFlags, slotNone, 0}, // initialTCPFlags
	{penCERT, 15, opUnionFlags, slotNone, 0},
	{penCERT, 14 | 0x4000, opRevInitFlags, slotNone, 0},
	{penCERT, 15 | 0x4000, opRevUnionFlags, slotNone, 0},
	{penIANA, ieICMPTypeCodeIPv4, opICMP, slotNone, 0},
	{penIANA, ieICMPTypeCodeIPv6, opICMP, slotNone, 0},
	{penIANA, ieICMPTypeIPv4, opICMPType, slotNone, 0},
	{penIANA, ieICMPCodeIPv4, opICMPCode, slotNone, 0},
	{penIANA, ieICMPTypeIPv6, opICMPType, slotNone, 0},
	{penIANA, ieICMPCodeIPv6, opICMPCode, slotNone, 0},
	{penIANA, ieVlanID, opVLAN, slotVLAN, 0},
	{penIANA, ieDot1qVlanID, opVLAN, slotVLAN, 1},
	{penIANA, iePostVlanID, opPostVLAN, slotPostVLAN, 0},
	{penIANA, iePostDot1qVlanID, opPostVLAN, slotPostVLAN, 1},
	{penIANA, ieMplsTopLabelStackSection, opMPLS, slotNone, 0},
	// Routing.
	{penIANA, ieSourceIPv4PrefixLength, opSrcMask, slotNone, 0},
	{penIANA, ieDestinationIPv4PrefixLength, opDstMask, slotNone, 0},
	{penIANA, ieSourceIPv6PrefixLength, opSrcMask, slotNone, 0},
	{penIANA, ieDestinationIPv6PrefixLength, opDstMask, slotNone, 0},
	{penIANA, ieIngressInterface, opInIf, slotInIf, 0},
	{penIANA, ieIngressPhysicalInterface, opInIf, slotInIf, 1},
	{penIANA, ieEgressInterface, opOutIf, slotOutIf, 0},
	{penIANA, ieEgressPhysicalInterface, opOutIf, slotOutIf, 1},
	{penIANA, ieIPNextHopIPv4Address, opNextHop4, slotNextHop4, 0},
	{penIANA, ieBGPNextHopIPv4Address, opNextHop4, slotNextHop4, 1},
	{penIANA, ieIPNextHopIPv6Address, opNextHop6, slotNextHop6, 0},
	{penIANA, ieBGPNextHopIPv6Address, opNextHop6, slotNextHop6, 1},
	{penIANA, ieBGPSourceAsNumber, opSrcAS, slotNone, 0},
	{penIANA, ieBGPDestinationAsNumber, opDstAS, slotNone, 0},
	{penIANA, ieFlowDirection, opDirection, slotNone, 0},
	// Translation and events.
	{penIANA, iePostNATSourceIPv4Address, opNATSrc4, slotNone, 0},
	{penIANA, iePostNATDestinationIPv4Address, opNATDst4, slotNone, 0},
	{penIANA, iePostNATSourceIPv6Address, opNATSrc6, slotNone, 0},
	{penIANA, iePostNATDestinationIPv6Address, opNATDst6, slotNone, 0},
	{penIANA, iePostNAPTSourceTransportPort, opNATSrcPort, slotNone, 0},
	{penIANA, iePostNAPTDestinationTransportPort, opNATDstPort, slotNone, 0},
	{penIANA, nfXlateSrcAddr, opNATSrc4, slotNone, 0},
	{penIANA, nfXlateDstAddr, opNATDst4, slotNone, 0},
	{penIANA, nfXlateSrcPort, opNATSrcPort, slotNone, 0},
	{penIANA, nfXlateDstPort, opNATDstPort, slotNone, 0},
	{penIANA, ieFirewallEvent, opFirewallEvent, slotNone, 0},
	{penIANA, nfFwEvent, opFirewallEvent, slotNone, 0},
	{penIANA, ieNATEvent, opNATEvent, slotNone, 0},
	{penIANA, ieBiflowDirection, opBiflow, slotNone, 0},
	{penIANA, ieFlowEndReason, opEndReason, slotNone, 0},
	// Times, the finest first.
	{penIANA, ieFlowStartNanoseconds, opStartNTP, slotStart, 0},
	{penIANA, ieFlowEndNanoseconds, opEndNTP, slotEnd, 0},
	{penIANA, ieFlowStartMicroseconds, opStartNTP, slotStart, 1},
	{penIANA, ieFlowEndMicroseconds, opEndNTP, slotEnd, 1},
	{penIANA, ieFlowStartMilliseconds, opStartMs, slotStart, 2},
	{penIANA, ieFlowEndMilliseconds, opEndMs, slotEnd, 2},
	{penIANA, ieFlowStartDeltaMicroseconds, opStartBefore, slotStart, 3},
	{penIANA, ieFlowEndDeltaMicroseconds, opEndBefore, slotEnd, 3},
	{penIANA, ieFlowStartSysUpTime, opStartUp, slotStart, 4},
	{penIANA, ieFlowEndSysUpTime, opEndUp, slotEnd, 4},
	{penIANA, ieFlowStartSeconds, opStartS, slotStart, 5},
	{penIANA, ieFlowEndSeconds, opEndS, slotEnd, 5},
	{penIANA, ieObservationTimeNanoseconds, opEndNTP, slotEnd, 6},
	{penIANA, ieObservationTimeMicroseconds, opEndNTP, slotEnd, 7},
	{penIANA, ieObservationTimeMilliseconds, opEndMs, slotEnd, 8},
	{penIANA, ieObservationTimeSeconds, opEndS, slotEnd, 9},
	{penIANA, ieFlowDurationMicroseconds, opDurationUs, slotDuration, 0},
	{penIANA, ieFlowDurationMilliseconds, opDurationMs, slotDuration, 1},
	{penIANA, ieSystemInitTimeMilliseconds, opBoot, slotNone, 0},
	// About the exporter.
	{penIANA, ieSamplerID, opSampler, slotNone, 0},
	{penIANA, ieSelectorID, opSampler, slotNone, 0},
	{penIANA, ieSamplingInterval, opRate, slotNone, 0},
	{penIANA, ieSamplerRandomInterval, opRate, slotNone, 0},
	{penIANA, iePaddingOctets, opDrop, slotNone, 0},
	{penIANA, ieIngressVRFID, opInVRF, slotNone, 0},
	{penIANA, ieEgressVRFID, opOutVRF, slotNone, 0},
	{penIANA, ieApplicationID, opApp, slotNone, 0},
}

// elementIndex finds the row of an element.
var elementIndex = func() map[elementKey]*element {
	m := make(map[elementKey]*element, len(elements)+len(infoElements))
	for i := range elements {
		m[elementKey{elements[i].pen, elements[i].id}] = &elements[i]
	}
	for i := range infoElements {
		e := &infoElements[i]
		m[elementKey{e.pen, e.id}] = &element{pen: e.pen, id: e.id, op: e.op}
	}
	return m
}()

// unknown is the row for what has none.
var unknown element

func elementOf(pen uint32, id uint16) *element {
	if e := elementIndex[home(elementKey{pen, id})]; e != nil {
		return e
	}
	return &unknown
}

// natEvents maps natEvent (RFC 8158 section 4.3) to what it tells of a translation.
var natEvents = [...]flow.Event{
	1: flow.EventNATCreate, 2: flow.EventNATDelete, 3: flow.EventNATRefused, 4: flow.EventNATCreate, 5: flow.EventNATDelete,
	6: flow.EventNATCreate, 7: flow.EventNATDelete, 8: flow.EventNATCreate, 9: flow.EventNATDelete, 10: flow.EventNATCreate,
	11: flow.EventNATDelete, 12: flow.EventNATRefused, 13: flow.EventNATRefused, 14: flow.EventNATCreate, 15: flow.EventNATDelete, 16: flow.EventNATCreate, 17: flow.EventNATDelete,
}

func natEvent(v uint64) flow.Event {
	switch {
	case v == 0:
		return flow.EventNone
	case v < uint64(len(natEvents)) && natEvents[v] != flow.EventNone:
		return natEvents[v]
	}
	return flow.EventNATOther
}
