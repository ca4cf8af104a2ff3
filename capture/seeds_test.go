package capture

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// seedRow is a record in the form of the tables in "Adding Network Flow Analysis to Your Security
// Architecture" (CERT, 2011), both directions in one: ends, packets, bytes, flags, time of day,
// seconds, and what is ours.
func seedRow(b *flow.Batch, r *flow.Record) string {
	return fmt.Sprintf("%v:%d %v:%d %d/%d %d/%d %s/%s %s %.3f %v %v",
		r.Src, r.SrcPort, r.Dst, r.DstPort, r.Fwd.Packets, r.Rev.Packets, r.Fwd.Bytes, r.Rev.Bytes, flagLetters(r.Fwd.Flags), flagLetters(r.Rev.Flags),
		time.Unix(0, r.Start).UTC().Format("15:04:05.000"), float64(r.End-r.Start)/1e9, r.EndReason, b.Metered(r).Conn)
}

// The captures that testdata/seeds.go makes of the seven tables give the flows of the tables.
func TestSeeds(t *testing.T) {
	f := func(file string, cfg Config, want string) {
		t.Helper()
		b, _ := meterFile(t, "../testdata/pcap/made/"+file+".pcap.gz", cfg)
		var got []string
		for i := range b.Recs {
			got = append(got, seedRow(b, &b.Recs[i]))
		}
		lines := strings.Split(strings.TrimSpace(want), "\n")
		for i := range lines {
			lines[i] = strings.Join(strings.Fields(lines[i]), " ")
		}
		if strings.Join(got, "\n") != strings.Join(lines, "\n") {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", file, strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
		}
	}
	// Mail. The resets after both FINs belong to the connection; two stray packets of its port to
	// another server are a flow of their own.
	f("seed1-mail", Config{}, `
		63.236.206.174:21233 72.24.179.201:25 1/1   40/40      S/RA       00:00:04.000 0.010 end_of_flow REJ
		63.236.206.174:21233 72.24.177.5:25   58/52 17310/3218 FSRPA/FSPA 00:00:00.000 7.000 end_of_flow SF`)
	// A scan by ICMP echo: two packets of 61 bytes to each target, none answered.
	f("seed2-icmp-scan", Config{}, `
		66.142.134.179:0 72.24.150.186:0 2/0 122/0 / 00:00:00.582 0.020 forced_end OTH
		66.142.134.179:0 72.24.148.123:0 2/0 122/0 / 00:00:00.911 0.020 forced_end OTH
		66.142.134.179:0 72.24.146.95:0  2/0 122/0 / 00:00:01.783 0.020 forced_end OTH
		66.142.134.179:0 72.24.159.123:0 2/0 122/0 / 00:00:01.895 0.020 forced_end OTH
		66.142.134.179:0 72.24.145.227:0 2/0 122/0 / 00:00:02.220 0.020 forced_end OTH
		66.142.134.179:0 72.24.154.87:0  2/0 122/0 / 00:00:02.329 0.020 forced_end OTH
		66.142.134.179:0 72.24.149.212:0 2/0 122/0 / 00:00:02.550 0.020 forced_end OTH
		66.142.134.179:0 72.24.158.18:0  2/0 122/0 / 00:00:02.766 0.020 forced_end OTH
		66.142.134.179:0 72.24.150.34:0  2/0 122/0 / 00:00:02.875 0.020 forced_end OTH
		66.142.134.179:0 72.24.153.102:0 2/0 122/0 / 00:00:02.879 0.020 forced_end OTH
		66.142.134.179:0 72.24.144.61:0  2/0 122/0 / 00:00:03.421 0.020 forced_end OTH
		66.142.134.179:0 72.24.129.2:0   2/0 122/0 / 00:00:03.530 0.020 forced_end OTH
		66.142.134.179:0 72.24.129.224:0 2/0 122/0 / 00:00:03.642 0.020 forced_end OTH
		66.142.134.179:0 72.24.151.196:0 2/0 122/0 / 00:00:04.184 0.020 forced_end OTH`)
	// Browsing: connections from rising ports, each with SYN and FIN.
	f("seed3-browsing", Config{}, `
		72.24.144.12:63126 68.8.27.65:80 7/5 321/252 FSPA/FSPA 00:01:31.232 0.300 end_of_flow SF
		72.24.144.12:63277 68.8.27.65:80 8/8 361/384 FSPA/FSPA 00:01:42.642 0.300 end_of_flow SF
		72.24.144.12:63330 68.8.27.65:80 7/5 321/252 FSPA/FSPA 00:01:51.052 0.300 end_of_flow SF
		72.24.144.12:63707 68.8.27.65:80 8/8 361/384 FSPA/FSPA 00:02:47.722 0.300 end_of_flow SF
		72.24.144.12:63957 68.8.27.65:80 8/8 361/384 FSPA/FSPA 00:03:20.036 0.300 end_of_flow SF
		72.24.144.12:64504 68.8.27.65:80 8/8 361/384 FSPA/FSPA 00:04:12.501 0.300 end_of_flow SF`)
	// A client that resets. The reset of port 1223 comes 66 seconds after the last packet: the table
	// has a flow of one packet for it; here it ends the old flow and begins none.
	f("seed4-late-reset", Config{}, `
		82.80.30.150:1220 72.24.129.20:80 90/152   3641/6724   SRPA/SPA 00:00:23.602 0.400  end_of_flow RSTO
		82.80.30.150:1221 72.24.129.20:80 413/1126 16561/49580 SRPA/SPA 00:00:23.710 0.400  end_of_flow RSTO
		82.80.30.150:1224 72.24.129.20:80 7/8      321/388     SRPA/SPA 00:00:26.883 0.400  end_of_flow RSTO
		82.80.30.150:1223 72.24.129.20:80 40/63    1641/2808   SRPA/SPA 00:00:26.341 66.727 end_of_flow RSTO`)
	// A quiet VPN. Pauses longer than the idle time-out part the flows. The last is two in the table,
	// which has directions apart: 2 packets at 58:42 and 20 from 58:49 for 90.095 s.
	f("seed5-quiet-vpn", Config{Idle: time.Minute}, `
		8.97.138.194:500 72.24.145.68:500 1/1  112/112  / 00:02:31.000 0.000  idle_timeout SF
		8.97.138.194:500 72.24.145.68:500 2/2  224/224  / 00:13:53.000 40.498 idle_timeout SF
		8.97.138.194:500 72.24.145.68:500 2/2  224/224  / 00:25:10.000 45.582 idle_timeout SF
		8.97.138.194:500 72.24.145.68:500 1/1  112/112  / 00:36:03.000 0.000  idle_timeout SF
		8.97.138.194:500 72.24.145.68:500 1/1  112/112  / 00:43:19.000 0.000  idle_timeout SF
		8.97.138.194:500 72.24.145.68:500 3/3  336/336  / 00:47:30.000 46.088 idle_timeout SF
		72.24.145.68:500 8.97.138.194:500 1/1  112/112  / 00:53:32.000 0.000  idle_timeout SF
		72.24.145.68:500 8.97.138.194:500 2/20 208/2232 / 00:58:42.000 97.095 forced_end   SF`)
	// A session of hours, seen in its middle by two sensors, is cut every 30 minutes, by each from
	// when it was started.
	f("seed6-ssh-sensor1", Config{}, `
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 00:00:11.361 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 00:30:11.361 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 01:00:11.361 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 01:30:11.361 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 179/179 13604/13604 PA/PA 02:00:11.361 1780.050 forced_end     OTH`)
	f("seed6-ssh-sensor2", Config{}, `
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 00:26:23.092 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 00:56:23.092 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 01:26:23.092 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 01:56:23.092 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 180/180 13680/13680 PA/PA 02:26:23.092 1790.050 active_timeout OTH
		72.24.147.6:35282 58.210.70.72:22 4/4     304/304     PA/PA 02:56:23.092 30.050   forced_end     OTH`)
	// Forty packets in thirty minutes, then other servers from the same source port. The late ACK of
	// the third server, which is a flow in the table, belongs to its connection.
	f("seed7-slow-web", Config{Idle: time.Minute}, `
		72.24.144.17:40395 10.225.235.38:80 45/44 1841/1972 SPA/SPA   01:59:34.810 1759.180 active_timeout S1
		72.24.144.17:40395 10.225.235.38:80 40/40 1600/1760 A/PA      02:29:39.820 1797.620 active_timeout S1
		72.24.144.17:40395 10.225.235.38:80 40/40 1600/1760 A/PA      03:00:23.460 1797.620 active_timeout S1
		72.24.144.17:40395 10.225.235.38:80 40/40 1600/1760 A/PA      03:31:09.830 1797.620 active_timeout S1
		72.24.144.17:40395 10.225.235.38:80 40/40 1600/1760 A/PA      04:01:53.420 1797.620 active_timeout S1
		72.24.144.17:40395 10.225.235.38:80 34/35 1360/1536 A/RPA     04:32:37.180 1560.500 end_of_flow    RSTR
		72.24.144.17:40395 37.52.253.241:80 13/18 561/824   FSPA/FSPA 05:18:41.570 0.480    end_of_flow    SF
		72.24.144.17:40395 42.215.190.19:80 9/7   401/336   FSPA/FSPA 10:21:01.150 4.140    end_of_flow    SF
		72.24.144.17:40395 10.46.227.72:80  7/6   321/296   FSPA/FSPA 12:21:24.360 0.220    end_of_flow    SF`)
}

// No piece of a session that was cut says that it is the whole, and the pieces are numbered.
func TestSeedPieces(t *testing.T) {
	b, _ := meterFile(t, "../testdata/pcap/made/seed6-ssh-sensor1.pcap.gz", Config{})
	for i := range b.Recs {
		if r := &b.Recs[i]; r.Complete || r.Segment != uint32(i+1) || r.State != flow.StateMidstream {
			t.Errorf("piece %d: complete is %v, segment %d, state %v", i+1, r.Complete, r.Segment, r.State)
		}
	}
}
