//go:build ignore

// This program makes services.txt from the IANA registry of service names and port numbers
// (https://www.iana.org/assignments/service-names-port-numbers, the CSV form) on its standard
// input: go run services_gen.go <service-names-port-numbers.csv >services.txt
package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

const letters = "tusd"

var protocols = []string{"tcp", "udp", "sctp", "dccp"}

type row struct {
	from, to int
	name     string
}

func main() {
	in := csv.NewReader(os.Stdin)
	in.FieldsPerRecord = -1
	protos := map[row]string{}
	taken := map[string]bool{} // port and protocol: the first name is the preferred one
	for {
		f, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		r, ok := parse(f)
		if !ok {
			continue
		}
		for i, p := range protocols {
			key := fmt.Sprint(f[1], p)
			if (f[2] == p || f[2] == "" && i < 2) && !taken[key] {
				taken[key] = true
				protos[r] += letters[i : i+1]
			}
		}
	}
	write(protos)
}

func parse(f []string) (r row, ok bool) {
	if len(f) < 3 || f[0] == "" || f[1] == "" || f[0] == "Service Name" {
		return r, false
	}
	from, to, isRange := strings.Cut(f[1], "-")
	if !isRange {
		to = from
	}
	a, errA := strconv.Atoi(from)
	b, errB := strconv.Atoi(to)
	return row{a, b, strings.ToLower(f[0])}, errA == nil && errB == nil
}

func write(protos map[row]string) {
	rows := make([]row, 0, len(protos))
	for r := range protos {
		if protos[r] != "" {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return strings.Compare(a.name, b.name)
	})
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "# IANA service names: port or range, protocols (t tcp, u udp, s sctp, d dccp), name.")
	fmt.Fprintln(out, "# Made by services_gen.go; do not edit.")
	for _, r := range rows {
		ports := strconv.Itoa(r.from)
		if r.to > r.from {
			ports += "-" + strconv.Itoa(r.to)
		}
		fmt.Fprintln(out, ports, protos[r], r.name)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
