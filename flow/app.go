package flow

// App is an application label: what the payload speaks, whatever the port. Zero is none.
// Records keep the number; the names are those of ECS network.protocol, lower case.
// The numbers are not stored anywhere: rows may be added and moved.
type App uint16

// The application labels. To add one: a constant here, its name in appNames, and the file in
// capture/app that recognises it.
const (
	AppNone App = iota
	AppDNS
	AppHTTP
	AppSSH
	AppTLS
	AppSMTP
	AppFTP
	AppIMAP
	AppPOP3
	AppNTP
	AppDHCP
	AppSNMP
	AppSIP
	AppRTSP
	AppRDP
	AppSMB
	AppLDAP
	AppQUIC
	AppMDNS
	AppLLMNR
	AppFTPData
	AppNetBIOS // name, datagram and session service
	AppSunRPC
	AppDCERPC
	AppKerberos
	AppVNC
	AppTelnet
	AppSyslog
	AppTFTP
	AppRTP
	AppRTCP
	AppDTLS
	AppIKE
	AppESP
	AppWireGuard
	AppOpenVPN
	AppSTUN
	AppSOCKS
	AppMySQL
	AppPostgreSQL
	AppMSSQL
	AppOracle
	AppRedis
	AppMongoDB
	AppMQTT
	AppAMQP
	AppBGP
	AppIRC
	AppIRCData // a file sent from one IRC client to the other (DCC)
	AppXMPP
	AppNNTP
	AppRSYNC
	AppSLP
	AppPPTP
	AppL2TP
	AppTeredo
	AppVXLAN
	AppGeneve
	AppGTP
	AppAYIYA
	AppBitTorrent
	AppGnutella
	AppModbus
	AppDNP3
	AppEtherNetIP
	AppBACnet
	AppS7
	AppIEC104
	AppGh0st
	AppPoisonIvy
	AppRADIUS
	AppSSDP
	AppDHCPv6
	AppCoAP
	AppLDP
	AppMGCP
	AppMegaco
	AppRDPUDP
)

var appNames = [...]string{
	AppNone: "", AppDNS: "dns", AppHTTP: "http", AppSSH: "ssh", AppTLS: "tls", AppSMTP: "smtp", AppFTP: "ftp",
	AppIMAP: "imap", AppPOP3: "pop3", AppNTP: "ntp", AppDHCP: "dhcp", AppSNMP: "snmp", AppSIP: "sip",
	AppRTSP: "rtsp", AppRDP: "rdp", AppSMB: "smb", AppLDAP: "ldap", AppQUIC: "quic",
	AppMDNS: "mdns", AppLLMNR: "llmnr", AppFTPData: "ftp-data", AppNetBIOS: "netbios", AppSunRPC: "sunrpc",
	AppDCERPC: "dcerpc", AppKerberos: "kerberos", AppVNC: "vnc", AppTelnet: "telnet", AppSyslog: "syslog",
	AppTFTP: "tftp", AppRTP: "rtp", AppRTCP: "rtcp", AppDTLS: "dtls", AppIKE: "ike", AppESP: "esp",
	AppWireGuard: "wireguard", AppOpenVPN: "openvpn", AppSTUN: "stun", AppSOCKS: "socks", AppMySQL: "mysql",
	AppPostgreSQL: "postgresql", AppMSSQL: "mssql", AppOracle: "oracle", AppRedis: "redis", AppMongoDB: "mongodb",
	AppMQTT: "mqtt", AppAMQP: "amqp", AppBGP: "bgp", AppIRC: "irc", AppIRCData: "irc-data", AppXMPP: "xmpp",
	AppNNTP: "nntp", AppRSYNC: "rsync", AppSLP: "slp", AppPPTP: "pptp", AppL2TP: "l2tp", AppTeredo: "teredo",
	AppVXLAN: "vxlan", AppGeneve: "geneve", AppGTP: "gtp", AppAYIYA: "ayiya", AppBitTorrent: "bittorrent",
	AppGnutella: "gnutella", AppModbus: "modbus", AppDNP3: "dnp3", AppEtherNetIP: "enip", AppBACnet: "bacnet",
	AppS7: "s7comm", AppIEC104: "iec104", AppGh0st: "gh0st", AppPoisonIvy: "poisonivy", AppRADIUS: "radius",
	AppSSDP: "ssdp", AppDHCPv6: "dhcpv6", AppCoAP: "coap", AppLDP: "ldp", AppMGCP: "mgcp", AppMegaco: "megaco",
	AppRDPUDP: "rdpudp",
}

func (a App) String() string { return name(appNames[:], int(a)) }

// ParseApp finds a label by its name.
func ParseApp(s string) (App, bool) {
	for i, n := range appNames {
		if n == s && n != "" {
			return App(i), true
		}
	}
	return AppNone, false
}

// Confidence says how much an application label rests on.
type Confidence uint8

const (
	ConfidenceNone   Confidence = iota // no label, or one of an exporter, which does not say
	ConfidenceLow                      // little structure, but twice or on the usual port
	ConfidenceMedium                   // a magic number or a word
	ConfidenceHigh                     // structure that was checked over several fields
)

var confidences = [...]string{"", "low", "medium", "high"}

func (c Confidence) String() string { return name(confidences[:], int(c)) }

// Reason is what an application label rests on.
type Reason uint8

const (
	ReasonNone      Reason = iota
	ReasonHeader           // the fields of a binary header agree with each other and the length
	ReasonMagic            // a fixed value at its place
	ReasonHandshake        // a handshake message
	ReasonBanner           // the greeting of a server
	ReasonLine             // a line of text: command, request or answer
	ReasonMessage          // a whole message that is well formed
	ReasonDialog           // what both sides said fits together
	ReasonPort             // looks like it, and comes from or goes to the usual port
	ReasonTwice            // looks like it, in several packets
	ReasonAnnounced        // another conversation announced this address and port
	ReasonProtocol         // the IP protocol number
)

var reasons = [...]string{"", "header", "magic", "handshake", "banner", "line", "message", "dialog",
	"usual_port", "repeated", "announced", "ip_protocol"}

func (r Reason) String() string { return name(reasons[:], int(r)) }
