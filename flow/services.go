package flow

// What the services of a network tell that has no place among what is alike over all protocols.

// DHCP is one client's part of a conversation: to broadcast addresses many clients speak in one flow.
type DHCP struct {
	MAC         string `json:",omitempty"` // the client's hardware address in ECS form; "" where its identifier has none
	Host        string `json:",omitempty"` // what it calls itself: host name, else fully qualified name
	Requested   Addr   `json:",omitzero"`  // address that it asks for
	Assigned    Addr   `json:",omitzero"`  // address that it is offered or given; the last one
	Server      Addr   `json:",omitzero"`  // server identifier, IPv4 only
	Vendor      string `json:",omitempty"` // vendor class
	Fingerprint string `json:",omitempty"` // codes of the options that it asks for, in its order: "1,3,6,15"
}

// NTP is what a time server says of its clock.
type NTP struct {
	Stratum   uint8  // 0 is unspecified, or a refusal; 1 is set by a reference clock
	Reference string `json:",omitempty"` // code of a reference clock or refusal ("GPS", "RATE"), else IPv4 address or hash of the next server
	Set       int64  `json:",omitempty"` // when the clock was last set, Unix ns; 0 is never
}

// SNMP is what it tells beside names and results.
type SNMP struct {
	Community string `json:",omitempty"` // "public" or "private"; any other is a secret and is not kept
	Engine    string `json:",omitempty"` // authoritative engine of version 3, lower-case hex
}

// Kerberos is what its requests and replies tell in the clear. Ciphers are named as IANA does.
type Kerberos struct {
	Realm        string   `json:",omitempty"` // of the service that was asked for
	Ciphers      []string `json:",omitempty"` // that the client offers, its favourite first; at most 16
	Cipher       string   `json:",omitempty"` // of the reply's encrypted part, chosen by the server
	TicketCipher string   `json:",omitempty"` // of the ticket, chosen by the server
}

// LDAP is what the first requests of a connection tell.
type LDAP struct {
	Authentication string `json:",omitempty"` // of the first bind: "simple", "anonymous", else the mechanism: "GSS-SPNEGO"
	Filter         string `json:",omitempty"` // of the first search (RFC 4515), at most 1024 bytes
}

// SIP is of the first request or response of a flow. From and To are URIs without names and tags.
type SIP struct {
	From, To  string `json:",omitempty"`
	CallID    string `json:",omitempty"`
	UserAgent string `json:",omitempty"`
}
