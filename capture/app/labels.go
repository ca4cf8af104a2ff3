package app

import "github.com/flowferry/flowferry/flow"

const (
	tcp = flow.ProtoTCP
	udp = flow.ProtoUDP
)

// labels are asked in this order, the one of a usual port first; the first to say yes wins. To
// add a protocol: a file in this package, an App in package flow, and a row here.
var labels = [...]label{
	// Web.
	{"tls.go", flow.AppTLS, tcp, "\x01\xbb", "\x14\x18\x80\x80", tlsAsks, tlsReplies, nil, flow.ReasonHandshake},
	{"http.go", flow.AppHTTP, tcp, "\x00\x50\x1f\x90", "AZ", httpAsks, httpReplies, nil, flow.ReasonLine},
	{"http.go", flow.AppSSDP, udp, "\x07\x6c", "HHMMNN", nil, nil, ssdp, flow.ReasonLine},
	{"quic.go", flow.AppQUIC, udp, "\x01\xbb", "\x00\x0f\x18\x1f\x28\x2f\x38\x3f\x80\xff", nil, nil, quic, flow.ReasonHeader},
	{"dtls.go", flow.AppDTLS, udp, "", "\x14\x19", nil, nil, dtls, flow.ReasonHandshake},

	// Names and management of the network.
	{"dns.go", flow.AppMDNS, udp, "\x14\xe9", "", nil, nil, mdns, flow.ReasonMessage},
	{"dns.go", flow.AppLLMNR, udp, "\x14\xeb", "", nil, nil, llmnr, flow.ReasonMessage},
	{"dns.go", flow.AppDNS, udp, "\x00\x35", "", dnsAsks, dnsReplies, nil, flow.ReasonMessage},
	{"dns.go", flow.AppDNS, tcp, "\x00\x35", "\x00\x10", dnsTCPAsks, dnsTCPReplies, nil, flow.ReasonMessage},
	{"manage.go", flow.AppDHCP, udp, "\x00\x43\x00\x44", "\x01\x02", dhcpAsks, dhcpReplies, nil, flow.ReasonHeader},
	{"manage.go", flow.AppDHCPv6, udp, "\x02\x22\x02\x23", "\x01\x0d", dhcp6Asks, dhcp6Replies, nil, flow.ReasonMessage},
	{"manage.go", flow.AppNTP, udp, "\x00\x7b", "", ntpAsks, ntpReplies, nil, flow.ReasonHeader},
	{"manage.go", flow.AppSNMP, udp, "\x00\xa1\x00\xa2", "00", snmpAsks, snmpReplies, nil, flow.ReasonHeader},
	{"manage.go", flow.AppSyslog, udp, "\x02\x02", "<<", nil, nil, syslog, flow.ReasonLine},
	{"manage.go", flow.AppSyslog, tcp, "\x02\x02\x02\x59", "<<19", nil, nil, syslogTCP, flow.ReasonLine},
	{"manage.go", flow.AppRADIUS, udp, "\x07\x14\x07\x15", "\x01\x0d\x28\x2d", radiusAsks, radiusReplies, nil, flow.ReasonMessage},
	{"manage.go", flow.AppSLP, udp, "\x01\xab", "\x01\x02", slpAsks, slpReplies, nil, flow.ReasonHeader},
	{"manage.go", flow.AppSLP, tcp, "\x01\xab", "\x01\x02", slpAsks, slpReplies, nil, flow.ReasonHeader},
	{"route.go", flow.AppBGP, tcp, "\x00\xb3", "\xff\xff", nil, nil, bgp, flow.ReasonHeader},
	{"route.go", flow.AppLDP, udp, "\x02\x86", "\x00\x00", nil, nil, ldp, flow.ReasonHeader},
	{"route.go", flow.AppLDP, tcp, "\x02\x86", "\x00\x00", nil, nil, ldp, flow.ReasonHeader},

	// Windows and directories.
	{"windows.go", flow.AppSMB, tcp, "\x01\xbd", "\x00\x00", smbAsks, smbReplies, nil, flow.ReasonHeader},
	{"windows.go", flow.AppNetBIOS, tcp, "\x00\x8b", "\x81\x84", nbssAsks, nbssReplies, nil, flow.ReasonHeader},
	{"windows.go", flow.AppNetBIOS, udp, "\x00\x89", "", nbnsAsks, nbnsReplies, nil, flow.ReasonMessage},
	{"windows.go", flow.AppNetBIOS, udp, "\x00\x8a", "\x10\x16", nil, nil, nbdgm, flow.ReasonHeader},
	{"rpc.go", flow.AppDCERPC, tcp, "\x00\x87", "\x05\x05", dcerpcAsks, dcerpcReplies, nil, flow.ReasonHeader},
	{"rpc.go", flow.AppDCERPC, udp, "\x00\x87", "\x04\x04", dcerpcUDPAsks, dcerpcUDPReplies, nil, flow.ReasonHeader},
	{"rpc.go", flow.AppSunRPC, tcp, "\x00\x6f\x08\x01", "\x80\x80\x00\x00", sunrpcTCPAsks, sunrpcTCPReplies, nil, flow.ReasonHeader},
	{"rpc.go", flow.AppSunRPC, udp, "\x00\x6f\x08\x01", "", sunrpcAsks, sunrpcReplies, nil, flow.ReasonHeader},
	{"kerberos.go", flow.AppKerberos, tcp, "\x00\x58", "\x00\x00", kerberosTCPAsks, kerberosTCPReplies, nil, flow.ReasonHeader},
	{"kerberos.go", flow.AppKerberos, udp, "\x00\x58", "\x6a\x7e", kerberosAsks, kerberosReplies, nil, flow.ReasonHeader},
	{"ldap.go", flow.AppLDAP, tcp, "\x01\x85\x0c\xc4", "00", ldapAsks, ldapReplies, nil, flow.ReasonHeader},
	{"ldap.go", flow.AppLDAP, udp, "\x01\x85", "00", ldapAsks, ldapReplies, nil, flow.ReasonHeader},

	// Remote work and files.
	{"ssh.go", flow.AppSSH, tcp, "\x00\x16", "SS", nil, nil, ssh, flow.ReasonBanner},
	{"remote.go", flow.AppTelnet, tcp, "\x00\x17", "\xff\xff", nil, nil, telnet, flow.ReasonMessage},
	{"remote.go", flow.AppVNC, tcp, "\x17\x0c", "RR", nil, nil, vnc, flow.ReasonBanner},
	{"tpkt.go", flow.AppRDP, tcp, "\x0d\x3d", "\x03\x03", rdpAsks, rdpReplies, nil, flow.ReasonHandshake},
	{"remote.go", flow.AppRDPUDP, udp, "\x0d\x3d", "\xff\xff\x00\x00", rdpudpAsks, rdpudpReplies, nil, flow.ReasonHeader},
	{"files.go", flow.AppTFTP, udp, "\x00\x45", "\x00\x00", nil, nil, tftp, flow.ReasonMessage},
	{"files.go", flow.AppRSYNC, tcp, "\x03\x69", "@@", nil, nil, rsync, flow.ReasonBanner},

	// Lines of text.
	{"mail.go", flow.AppSMTP, tcp, "\x00\x19\x02\x4b", "25AZaz", nil, nil, smtp, flow.ReasonLine},
	{"files.go", flow.AppFTP, tcp, "\x00\x15", "15AZaz", nil, nil, ftp, flow.ReasonLine},
	{"mail.go", flow.AppPOP3, tcp, "\x00\x6e", "++--AZaz", nil, nil, pop3, flow.ReasonLine},
	{"mail.go", flow.AppIMAP, tcp, "\x00\x8f", "**09AZaz", nil, nil, imap, flow.ReasonLine},
	{"mail.go", flow.AppNNTP, tcp, "\x00\x77", "24AZaz", nil, nil, nntp, flow.ReasonLine},
	{"chat.go", flow.AppIRC, tcp, "\x1a\x0b", "::AZaz", nil, nil, irc, flow.ReasonLine},
	{"chat.go", flow.AppXMPP, tcp, "\x14\x66", "<<", nil, nil, xmpp, flow.ReasonHandshake},

	// Voice.
	{"voice.go", flow.AppSIP, udp, "\x13\xc4", "AZ", nil, nil, sip, flow.ReasonLine},
	{"voice.go", flow.AppSIP, tcp, "\x13\xc4", "AZ", nil, nil, sip, flow.ReasonLine},
	{"voice.go", flow.AppRTSP, tcp, "\x02\x2a", "AZ", rtspAsks, rtspReplies, nil, flow.ReasonLine},
	{"voice.go", flow.AppMGCP, udp, "\x09\x7b\x0a\xa7", "09AZ", nil, nil, mgcp, flow.ReasonLine},
	{"voice.go", flow.AppMegaco, udp, "\x0b\x80", "!!MM", nil, nil, megaco, flow.ReasonLine},
	{"stun.go", flow.AppSTUN, udp, "\x0d\x96", "\x00\x01\x40\x4f", stunAsks, stunReplies, nil, flow.ReasonHeader},
	{"stun.go", flow.AppSTUN, tcp, "\x0d\x96", "\x00\x05", stunTCPAsks, stunTCPReplies, nil, flow.ReasonHeader},
	{"rtp.go", flow.AppRTCP, udp, "", "\x80\xbf", nil, nil, rtcp, flow.ReasonHeader},
	{"rtp.go", flow.AppRTP, udp, "", "\x80\xbf", nil, nil, rtp, flow.ReasonDialog},

	// Tunnels.
	{"vpn.go", flow.AppIKE, udp, "\x01\xf4\x11\x94", "", nil, nil, ike, flow.ReasonHeader},
	{"vpn.go", flow.AppESP, udp, "\x11\x94", "", nil, nil, espUDP, flow.ReasonHeader},
	{"vpn.go", flow.AppWireGuard, udp, "\xca\x6c", "\x01\x04", wireguardAsks, wireguardReplies, nil, flow.ReasonHeader},
	{"openvpn.go", flow.AppOpenVPN, udp, "\x04\xaa", "\x08\x57", nil, nil, openvpn, flow.ReasonHandshake},
	{"openvpn.go", flow.AppOpenVPN, tcp, "\x04\xaa", "\x00\x05", nil, nil, openvpnTCP, flow.ReasonHandshake},
	{"vpn.go", flow.AppPPTP, tcp, "\x06\xbb", "\x00\x00", pptpAsks, pptpReplies, nil, flow.ReasonHeader},
	{"vpn.go", flow.AppL2TP, udp, "\x06\xa5", "\xc0\xcb", nil, nil, l2tp, flow.ReasonHeader},
	{"socks.go", flow.AppSOCKS, tcp, "\x04\x38", "\x00\x00\x04\x05", nil, nil, socks, flow.ReasonDialog},
	{"tunnel.go", flow.AppTeredo, udp, "\x0d\xd8", "\x00\x00\x60\x6f", nil, nil, teredo, flow.ReasonHeader},
	{"tunnel.go", flow.AppVXLAN, udp, "\x12\xb5", "\x08\x08", nil, nil, vxlan, flow.ReasonHeader},
	{"tunnel.go", flow.AppGeneve, udp, "\x17\xc1", "\x00\x3f", nil, nil, geneve, flow.ReasonHeader},
	{"tunnel.go", flow.AppGTP, udp, "\x08\x68\x08\x4b", "\x30\x37\x48\x4f", nil, nil, gtp, flow.ReasonHeader},
	{"tunnel.go", flow.AppAYIYA, udp, "\x13\xd0", "\x10\xff", nil, nil, ayiya, flow.ReasonHeader},

	// Databases and queues.
	{"database.go", flow.AppMySQL, tcp, "\x0c\xea", "", mysqlAsks, mysqlReplies, nil, flow.ReasonHandshake},
	{"database.go", flow.AppPostgreSQL, tcp, "\x15\x38", "\x00\x00EENNRRSSQQpp", nil, nil, postgresql, flow.ReasonHandshake},
	{"database.go", flow.AppMSSQL, tcp, "\x05\x99", "\x01\x12", mssqlAsks, mssqlReplies, nil, flow.ReasonHeader},
	{"database.go", flow.AppOracle, tcp, "\x05\xf1", "\x00\x10", oracleAsks, oracleReplies, nil, flow.ReasonHeader},
	{"database.go", flow.AppRedis, tcp, "\x18\xeb", "$$**++--::PP", nil, nil, redis, flow.ReasonMessage},
	{"database.go", flow.AppMongoDB, tcp, "\x69\x89", "", mongoAsks, mongoReplies, nil, flow.ReasonHeader},
	{"queue.go", flow.AppMQTT, tcp, "\x07\x5b", "\x10\xe0", mqttAsks, mqttReplies, nil, flow.ReasonHandshake},
	{"queue.go", flow.AppAMQP, tcp, "\x16\x28", "\x00\x08AA", amqpAsks, amqpReplies, nil, flow.ReasonHeader},
	{"queue.go", flow.AppCoAP, udp, "\x16\x33", "\x40\x7f", coapAsks, coapReplies, nil, flow.ReasonMessage},

	// Plants.
	{"plant.go", flow.AppModbus, tcp, "\x01\xf6", "", modbusAsks, modbusReplies, nil, flow.ReasonHeader},
	{"plant.go", flow.AppDNP3, tcp, "\x4e\x20", "\x05\x05", nil, nil, dnp3, flow.ReasonMessage},
	{"plant.go", flow.AppDNP3, udp, "\x4e\x20", "\x05\x05", nil, nil, dnp3, flow.ReasonMessage},
	{"plant.go", flow.AppEtherNetIP, tcp, "\xaf\x12", "\x00\x00\x04\x04\x63\x72", enipAsks, enipReplies, nil, flow.ReasonHeader},
	{"plant.go", flow.AppEtherNetIP, udp, "\xaf\x12\x08\xae", "\x00\x00\x04\x04\x63\x72", enipAsks, enipReplies, nil, flow.ReasonHeader},
	{"plant.go", flow.AppBACnet, udp, "\xba\xc0", "\x81\x81", nil, nil, bacnet, flow.ReasonHeader},
	{"plant.go", flow.AppIEC104, tcp, "\x09\x64", "hh", nil, nil, iec104, flow.ReasonHeader},
	{"tpkt.go", flow.AppS7, tcp, "\x00\x66", "\x03\x03", s7Asks, s7Replies, nil, flow.ReasonHeader},

	// Sharing of files, and malware.
	{"peer.go", flow.AppBitTorrent, tcp, "\x1a\xe1", "\x13\x13GGAZ\x00\x00", nil, nil, bittorrent, flow.ReasonHandshake},
	{"peer.go", flow.AppBitTorrent, udp, "\x1a\xe1", "ddBB\x00\x41", nil, nil, bittorrentUDP, flow.ReasonMessage},
	{"peer.go", flow.AppGnutella, tcp, "\x18\xca", "GGHH", nil, nil, gnutella, flow.ReasonLine},
	{"peer.go", flow.AppGnutella, udp, "\x18\xca", "", nil, nil, gnutellaUDP, flow.ReasonHeader},
	{"malware.go", flow.AppGh0st, tcp, "", "", nil, nil, gh0st, flow.ReasonHeader},
	{"malware.go", flow.AppPoisonIvy, tcp, "", "", nil, nil, poisonIvy, flow.ReasonDialog},
}
