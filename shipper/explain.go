package shipper

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// StatusError is an answer of the cluster that is no success.
type StatusError struct {
	Status int    // HTTP status
	Reason string // the cluster's own words, shortened; ""
	Needs  string // the privilege that the request needs; ""
}

// Error names the status, its meaning and the remedy.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	switch e.Status {
	case http.StatusUnauthorized:
		text += ": the cluster does not accept the credentials; check api_key or user and password"
	case http.StatusForbidden:
		text += ": a privilege is missing"
		if e.Needs != "" {
			text += ": " + e.Needs + " (`flowferry setup --print-roles` shows the writer's role)"
		}
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Check gives an error for an answer that is no success. needs names the privilege the request
// takes.
func Check(status int, answer []byte, needs string) error {
	if status >= 200 && status < 300 {
		return nil
	}
	return &StatusError{Status: status, Reason: reason(answer), Needs: needs}
}

// maxReason bounds the length of the cluster's words in an error, in bytes.
const maxReason = 300

// failure is the body of a refusal: the error is an object, or a string where a request was not
// understood at all.
type failure struct {
	Error json.RawMessage
}

// cause is an error object.
type cause struct {
	Type      string
	Reason    string
	RootCause []cause `json:"root_cause"`
	CausedBy  *cause  `json:"caused_by"`
}

// reason gives the cluster's own words of a refusal.
func reason(answer []byte) string {
	typ, text := refusal(answer)
	if typ != "" {
		text = strings.TrimSuffix(typ+": "+text, ": ")
	}
	return shorten(text)
}

// refusal reads type and reason of a refusal; an answer that is not the engine's own gives its
// first line as the reason.
func refusal(answer []byte) (typ, text string) {
	var f failure
	if json.Unmarshal(answer, &f) == nil && len(f.Error) > 0 {
		var c cause
		var s string
		switch {
		case json.Unmarshal(f.Error, &s) == nil:
			return "", s
		case json.Unmarshal(f.Error, &c) == nil:
			if len(c.RootCause) > 0 && c.RootCause[0].Reason != "" {
				return c.RootCause[0].Type, c.RootCause[0].Reason
			}
			return c.Type, c.Reason
		}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(answer)), "\n")
	return "", line
}

func shorten(s string) string {
	if len(s) > maxReason {
		return strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}

// explainFirst is explain for the first words to a host, which may not be what we take it for.
func explainFirst(host string, err error) error {
	if strings.HasPrefix(host, "http://") && isCutOff(err) {
		return fmt.Errorf("connect to %s: it closed the connection without an answer; if it speaks TLS, write https:// in hosts: %w", host, err)
	}
	return explain(host, err)
}

// explain turns an error of the network into one that names the host and the remedy.
func explain(host string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("connect to %s: %s: %w", host, remedy(host, err), err)
}

func remedy(host string, err error) string {
	if text := tlsRemedy(host, err); text != "" {
		return text
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there; is the cluster up, and are host and port in hosts right?"
	case errors.As(err, &dns):
		return "its name can not be resolved; check hosts"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "no answer in time; check the network, a firewall in between, or raise timeout"
	case isCutOff(err):
		return "it closed the connection"
	}
	return "no answer"
}

func tlsRemedy(host string, err error) string {
	var (
		unknown     x509.UnknownAuthorityError
		name        x509.HostnameError
		invalid     x509.CertificateInvalidError
		plain       tls.RecordHeaderError
		fingerprint *fingerprintError
	)
	switch {
	case errors.As(err, &fingerprint):
		return "check ca_fingerprint"
	case errors.As(err, &unknown):
		return "its certificate is signed by an unknown authority; give that authority's certificate as ca_file, or its ca_fingerprint"
	case errors.As(err, &name):
		return "its certificate is for another name; write one of the certificate's names in hosts"
	case errors.As(err, &invalid):
		return "its certificate is not valid (any more); renew it, or check the clock"
	case errors.As(err, &plain) && string(plain.RecordHeader[:4]) == "HTTP",
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it speaks plain HTTP; write http:// in hosts, or switch its TLS on"
	case strings.HasPrefix(host, "http://") && strings.Contains(err.Error(), `malformed HTTP response "\x15`):
		return "it speaks TLS; write https:// in hosts"
	}
	return ""
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func isCutOff(err error) bool {
	if strings.Contains(err.Error(), "server closed idle connection") { // closed before the request was read
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
