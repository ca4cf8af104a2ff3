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
)

var appNames = [...]string{
	AppNone: "", AppDNS: "dns", AppHTTP: "http", AppSSH: "ssh", AppTLS: "tls", AppSMTP: "smtp", AppFTP: "ftp",
	AppIMAP: "imap", AppPOP3: "pop3", AppNTP: "ntp", AppDHCP: "dhcp", AppSNMP: "snmp", AppSIP: "sip",
	AppRTSP: "rtsp", AppRDP: "rdp", AppSMB: "smb", AppLDAP: "ldap", AppQUIC: "quic",
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
