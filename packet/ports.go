package packet

// serverPorts are ports above 1023 on which well-known services listen.
var serverPorts = [...]uint16{
	1080,       // SOCKS
	1194,       // OpenVPN
	1433, 1434, // MS-SQL
	1521,       // Oracle
	1701, 1723, // L2TP, PPTP
	1812, 1813, // RADIUS
	1883, 8883, // MQTT
	1900,                         // SSDP
	2049,                         // NFS
	2055, 4739, 6343, 9995, 9996, // flow export
	2123, 2152, // GTP
	2375, 2376, // Docker
	3128,       // proxy
	3260,       // iSCSI
	3268, 3269, // global catalogue
	3306,       // MySQL
	3389,       // RDP
	3478, 5349, // STUN, TURN
	3544, // Teredo
	4443,
	4500,       // IPsec NAT traversal
	4789, 6081, // VXLAN, Geneve
	5000, 5001,
	5060, 5061, // SIP
	5222, 5269, // XMPP
	5353, 5355, // mDNS, LLMNR
	5432,       // PostgreSQL
	5601,       // Kibana
	5671, 5672, // AMQP
	5683, 5684, // CoAP
	5900,       // VNC
	5985, 5986, // WinRM
	6379,                                                             // Redis
	6443,                                                             // Kubernetes
	6514,                                                             // syslog over TLS
	6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 6697, // IRC
	8000, 8008, 8080, 8081, 8088, 8443, 8888, // HTTP
	9000, 9001,
	9042,       // Cassandra
	9092,       // Kafka
	9200, 9300, // Elasticsearch
	10050, 10051, // Zabbix
	11211, // memcached
	20000, // DNP3
	27017, // MongoDB
	44818, // EtherNet/IP
	47808, // BACnet
	51820, // WireGuard
}

// serverBits has a bit for each server port.
var serverBits = func() (bits [1 << 16 / 64]uint64) {
	for port := range 1024 {
		bits[port/64] |= 1 << (port % 64)
	}
	for _, port := range [...]int{0, 68, 546} { // none, and the client's side of DHCP
		bits[port/64] &^= 1 << (port % 64)
	}
	for _, port := range serverPorts {
		bits[port/64] |= 1 << (port % 64)
	}
	return bits
}()

// IsServerPort says whether a service is known to listen on a port: all below 1024, and a few above.
func IsServerPort(port uint16) bool { return serverBits[port/64]&(1<<(port%64)) != 0 }
