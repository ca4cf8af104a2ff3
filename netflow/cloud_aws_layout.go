package netflow

import (
	"fmt"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// awsColumn says what becomes of a column.
type awsColumn uint8

// The columns with a field in the record, and from awsAside on those that are kept as text.
const (
	awsSrcAddr awsColumn = iota
	awsDstAddr
	awsPktSrcAddr
	awsPktDstAddr
	awsSrcPort
	awsDstPort
	awsProtocol
	awsPackets
	awsBytes
	awsStart
	awsEnd
	awsTCPFlags
	awsAction
	awsLogStatus
	awsFlowDirection
	awsType

	awsAside // into Meta.Extra, under its name
	awsAccount
	awsInstance
	awsRegion
	awsZone
	awsInterface // also kept in Meta.Extra
)

// awsColumns are the columns of versions 2 to 11. One that is not here is kept as text all the same.
var awsColumns = map[string]awsColumn{
	// version 2
	"version": awsAside, "account-id": awsAccount, "interface-id": awsInterface, "srcaddr": awsSrcAddr, "dstaddr": awsDstAddr,
	"srcport": awsSrcPort, "dstport": awsDstPort, "protocol": awsProtocol, "packets": awsPackets, "bytes": awsBytes,
	"start": awsStart, "end": awsEnd, "action": awsAction, "log-status": awsLogStatus,
	// version 3
	"vpc-id": awsAside, "subnet-id": awsAside, "instance-id": awsInstance, "tcp-flags": awsTCPFlags, "type": awsType,
	"pkt-srcaddr": awsPktSrcAddr, "pkt-dstaddr": awsPktDstAddr,
	// version 4
	"region": awsRegion, "az-id": awsZone, "sublocation-type": awsAside, "sublocation-id": awsAside,
	// version 5
	"pkt-src-aws-service": awsAside, "pkt-dst-aws-service": awsAside, "flow-direction": awsFlowDirection, "traffic-path": awsAside,
	// version 7
	"ecs-cluster-arn": awsAside, "ecs-cluster-name": awsAside, "ecs-container-instance-arn": awsAside, "ecs-container-instance-id": awsAside,
	"ecs-container-id": awsAside, "ecs-second-container-id": awsAside, "ecs-service-name": awsAside, "ecs-task-definition-arn": awsAside,
	"ecs-task-arn": awsAside, "ecs-task-id": awsAside,
	// versions 8 to 11
	"reject-reason": awsAside, "resource-id": awsAside, "encryption-status": awsAside,
	"instance-tag": awsAside, "interface-tag": awsAside, "asg-tag": awsAside, "interface-type": awsAside,
	"next-hop-interface-id": awsAside, "next-hop-subnet-id": awsAside, "next-hop-az-id": awsAside, "next-hop-vpc-id": awsAside,
	"next-hop-interface-type": awsAside,
}

// defaultAWS is the format of a flow log for which none was chosen.
const defaultAWS = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"

// awsLayout is the columns of a line in their order.
type awsLayout struct {
	columns []awsColumn
	names   []string // each differs from the others
	typ     int      // where the column type is, -1 for nowhere
}

// parseLayout reads a format as it is given to AWS: "${version} ${account-id} …", or the names
// alone. An empty one is the default.
func parseLayout(format string) (*awsLayout, error) {
	if strings.TrimSpace(format) == "" {
		format = defaultAWS
	}
	var tokens [][]byte
	known := 0
	for _, name := range strings.Fields(strings.NewReplacer("${", " ", "}", " ").Replace(format)) {
		tokens = append(tokens, []byte(name))
		if _, ok := awsColumns[columnName(name)]; ok {
			known++
		}
	}
	if known == 0 {
		return nil, fmt.Errorf("log_format: %q names no column of AWS VPC flow logs; write it as it is set there: ${version} ${srcaddr} …", format)
	}
	if len(tokens) > maxPairs {
		return nil, fmt.Errorf("log_format: %d columns are too many; %d are the most", len(tokens), maxPairs)
	}
	return newLayout(tokens), nil
}

// newLayout makes a layout of the names of columns. One that is named again is another column.
func newLayout(tokens [][]byte) *awsLayout {
	l := &awsLayout{typ: -1}
	seen := map[string]bool{}
	for i, t := range tokens {
		name := columnName(string(t))
		c, ok := awsColumns[name]
		if !ok || seen[name] {
			c = awsAside
		}
		for base, n := name, 2; seen[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		if seen[name] = true; c == awsType {
			l.typ = i
		}
		l.columns, l.names = append(l.columns, c), append(l.names, name)
	}
	return l
}

// columnName gives the name that AWS uses: Athena and others write account_id.
func columnName(s string) string {
	return pairName(strings.ReplaceAll(strings.ToLower(s), "_", "-"))
}

// isHeader says whether a line names columns: at least half of its tokens are known names, and
// each begins with a letter.
func isHeader(tokens [][]byte) bool {
	known := 0
	for _, t := range tokens {
		if c := t[0] | 0x20; c < 'a' || c > 'z' || len(t) > maxPairName {
			return false // the first letter already: most lines of data end here
		}
	}
	for _, t := range tokens {
		if _, ok := awsColumns[columnName(string(t))]; ok {
			known++
		}
	}
	return known > 1 && 2*known >= len(tokens)
}

// fits says whether a line can be data of this layout: it has all columns, and each that has a
// field holds a value for it.
func (l *awsLayout) fits(tokens [][]byte) bool {
	if len(tokens) != len(l.columns) {
		return false
	}
	var a aws
	var r flow.Record
	checked := 0
	for i, t := range tokens {
		if c := l.columns[i]; c < awsType {
			if string(t) == "-" {
				continue
			}
			if !a.column(&r, c, t) {
				return false
			}
			checked++
		}
	}
	return checked > 1
}

// meta makes the metadata of the columns kept aside: number, length and text of each.
func (l *awsLayout) meta(key []byte) *logMeta {
	c := &flow.Cloud{Provider: "aws"}
	e := &logMeta{Meta: flow.Meta{Cloud: c}}
	reporter := ""
	for len(key) > 0 {
		i, n := int(key[0]), int(key[1])<<8|int(key[2])
		p := newPair(l.names[i], string(key[3:3+n]))
		key = key[3+n:]
		switch l.columns[i] {
		case awsAccount:
			c.Account = p.Value
			continue
		case awsInstance:
			c.Instance = p.Value
			continue
		case awsRegion:
			c.Region = p.Value
			continue
		case awsZone:
			c.Zone = p.Value
			continue
		case awsInterface:
			reporter = p.Value
		}
		e.Extra = append(e.Extra, p)
	}
	if reporter == "" {
		reporter = c.Instance
	}
	e.domain = interfaceHash(reporter)
	return e
}
