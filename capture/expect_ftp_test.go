package capture

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// linked tells of each flow its label, whether the first flow of the capture is its parent, and what
// went over it.
func linked(b *flow.Batch) (list []string) {
	control := ""
	for i := range b.Recs {
		r := &b.Recs[i]
		id := string(r.AppendCommunityID(nil, 0))
		if r.App == flow.AppFTP || r.App == flow.AppTFTP && control == "" {
			control = id
		}
	}
	for i := range b.Recs {
		r := &b.Recs[i]
		s := fmt.Sprintf("%d %v", r.DstPort, r.App)
		m := b.Metadata(r)
		if m != nil && m.Parent != "" {
			s += " of control"
			if m.Parent != control {
				s += " " + m.Parent
			}
		}
		if m != nil && m.Talk != nil && m.Parent != "" {
			s += " " + strings.Join(m.Talk.Commands, ",") + " " + strings.Join(m.Talk.Names, ",")
		}
		list = append(list, strings.TrimSpace(s))
	}
	slices.Sort(list)
	return list
}

func wantLinked(t *testing.T, b *flow.Batch, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := linked(b); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// ftpTalk is a session of FTP that a test leads.
type ftpTalk struct {
	*builder
	at             time.Duration
	client, server end
	sent           [2]uint32
}

func newFTP(t *testing.T) *ftpTalk {
	s := &ftpTalk{builder: newBuilder(t, Config{}), client: client, server: end{"198.51.100.1", 21}}
	s.says(1, "220 FTP server")
	return s
}

func (s *ftpTalk) says(side int, lines ...string) {
	from, to := s.client, s.server
	if side == 1 {
		from, to = to, from
	}
	text := strings.Join(lines, "\r\n") + "\r\n"
	s.at += 10 * time.Millisecond
	s.tcp(s.at, from, to, "PA", 1+s.sent[side], text)
	s.sent[side] += uint32(len(text))
}

// data opens a data connection and lets some bytes go over it.
func (s *ftpTalk) data(from, to end) {
	s.at += 10 * time.Millisecond
	s.tcp(s.at, from, to, "S", 1, "")
	s.tcp(s.at, to, from, "SA", 1, "")
	s.tcp(s.at, from, to, "A", 2, "PUT / HTTP/1.1\r\n\r\n")
}

// A data channel is linked to its control connection and tells what went over it, whatever comes first.
func TestFTPLinked(t *testing.T) {
	data := func(port uint16) end { return end{"198.51.100.1", port} }
	own := func(port uint16) end { return end{client.ip, port} }

	s := newFTP(t) // passive: the connection before the command, the command before it, and none
	s.says(0, "PASV")
	s.says(1, "227 Entering Passive Mode (198,51,100,1,4,1)")
	s.data(own(50001), data(1025))
	s.says(0, "RETR a.txt")
	s.says(0, "EPSV")
	s.says(1, "229 Entering Extended Passive Mode (|||1026|)")
	s.says(0, "STOR dir/b c.txt")
	s.data(own(50002), data(1026))
	s.says(0, "PASV")
	s.says(1, "227 Entering Passive Mode (198,51,100,1,4,3)")
	s.data(own(50003), data(1027))
	s.data(own(50004), data(1028))
	s.flush()
	wantLinked(t, s.out, "21 ftp", "1025 ftp-data of control RETR a.txt", "1026 ftp-data of control STOR dir/b c.txt", "1027 ftp-data of control", "1028 http")

	s = newFTP(t) // active, several lines in one packet, a port used again, a server behind a translation
	s.says(0, "PORT 10,0,0,1,4,1", "LIST -la")
	s.data(end{"198.51.100.1", 20}, own(1025))
	s.says(0, "RETR second")
	s.data(end{"198.51.100.1", 2020}, own(1025))
	s.says(0, "EPRT |1|10.0.0.1|1026|")
	s.says(0, "nlst")
	s.data(end{"198.51.100.1", 20}, own(1026))
	s.says(1, "227 Entering Passive Mode (10,9,9,9,4,9)")
	s.data(own(50001), data(1033))
	s.says(0, "APPE x")
	s.flush()
	wantLinked(t, s.out, "21 ftp", "1025 ftp-data of control LIST -la", "1025 ftp-data of control RETR second", "1026 ftp-data of control NLST", "1033 ftp-data of control APPE x")

	s = newFTP(t) // the connection is seen before its announcement; an older one to the same port is not it
	s.tcp(s.at, own(50000), data(1025), "S", 1, "")
	s.tcp(s.at, data(1025), own(50000), "RA", 0, "")
	s.tcp(s.at, own(50001), data(1026), "S", 1, "")
	s.says(1, "227 Entering Passive Mode (198,51,100,1,4,1)")
	s.says(1, "227 Entering Passive Mode (198,51,100,1,4,2)")
	s.says(0, "RETR early")
	s.flush()
	wantLinked(t, s.out, "1025", "21 ftp", "1026 ftp-data of control RETR early")

	s = newFTP(t) // an announcement that is sent again does not part the flow from its command
	s.says(1, "227 Entering Passive Mode (198,51,100,1,4,1)")
	s.data(own(50001), data(1025))
	s.says(1, "227 Entering Passive Mode (198,51,100,1,4,1)")
	s.says(0, "RETR once")
	s.says(0, "RETR other")
	s.flush()
	wantLinked(t, s.out, "21 ftp", "1025 ftp-data of control RETR once")
}

// What goes over the channels of other protocols is told too.
func TestOthersLinked(t *testing.T) {
	b := newBuilder(t, Config{})
	b.send(0, udp(client, end{"198.51.100.1", 69}, []byte("\x00\x02boot.img\x00octet\x00")))
	b.send(0, udp(end{"198.51.100.1", 2000}, client, []byte("\x00\x04\x00\x00")))
	b.flush()
	got := strings.Join(linked(b.out), "; ")
	if !strings.Contains(got, "tftp of control WRQ boot.img") {
		t.Error(got)
	}
}

// Captures of real sessions, over IPv4 and IPv6, active and passive: every data channel with its command
// and file.
func TestFTPCaptures(t *testing.T) {
	f := func(path string, want ...string) {
		t.Helper()
		b, _ := meterFile(t, "../testdata/pcap/"+path, Config{})
		wantLinked(t, b, want...)
	}
	f("zeek/ftp__ipv6.pcap", "21 ftp", "57086 ftp-data of control LIST", "57087 ftp-data of control NLST", "57088 ftp-data of control RETR robots.txt", // EPRT
		"49189 ftp-data of control RETR robots.txt", "49190 ftp-data of control LIST") // EPSV
	f("suricata/ftp__ftp-upload-active__input.pcap", "21 ftp", "35627 ftp-data of control NLST", "40173 ftp-data of control NLST", "44133 ftp-data of control STOR index.html")
	f("suricata/ftp__ftp-upload-passive__input.pcap", "21 ftp", "21001 ftp-data of control NLST", "21003 ftp-data of control NLST", "21003 ftp-data of control STOR index.html")
}

// Announcements without end cost bounded time and room, and what is expected is held in a fixed table.
func TestAnnouncementFlood(t *testing.T) {
	s := newFTP(t)
	for i := range 2000 {
		s.says(0, fmt.Sprintf("PORT 10,0,0,1,%d,%d", 4+i/256, i%256), "RETR x", "RETR y", "RETR z", "RETR unread")
	}
	s.data(end{"198.51.100.1", 20}, end{client.ip, 4<<8 + 1999})
	s.flush()
	wantLinked(t, s.out, "21 ftp", "3023 ftp-data of control RETR z")
}
