package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// mqttParse reads the messages of both sides: version, client id and user, the topics that are written
// to and asked for, and the codes of the answers. The password is not read.
func mqttParse(v *View, m *flow.Meta) bool {
	k := on(m)
	mqttStream(v.Client, k)
	mqttStream(v.Server, k)
	return k.end(m)
}

const mqttMaxMessages = 64 // messages that are read of one side

// mqttStream reads messages of type and flags(1) length(1–4) (OASIS MQTT 5.0 section 2.1). Of the last
// perhaps only the beginning is there: then nothing is read of it.
func mqttStream(b []byte, k *talker) {
	for n := 0; n < mqttMaxMessages && len(b) >= 2; n++ {
		size, rest, ok := mqttLength(b[1:])
		if !ok || size > len(rest) || !mqttMessage(b[0], rest[:size], k) {
			return
		}
		b = rest[size:]
	}
}

// mqttLength reads a number of seven bits a byte, the lowest first.
func mqttLength(b []byte) (n int, rest []byte, ok bool) {
	for i := 0; i < len(b) && i < 4; i++ {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// mqttText reads length(2) and bytes.
func (r *reader) mqttText() []byte { return r.take(r.u16()) }

// mqttProperties passes over the properties of version 5.0.
func (r *reader) mqttProperties(k *talker) {
	if k.see().Version != "5.0" {
		return
	}
	n, rest, ok := mqttLength(r.b)
	if !ok {
		r.bad = true
		return
	}
	r.b = rest
	r.skip(n)
}

// mqttMessage reads one message; false when it is none.
func mqttMessage(head byte, body []byte, k *talker) bool {
	r := reader{b: body}
	typ := int(head >> 4)
	switch typ {
	case 0:
		return false
	case 1:
		mqttConnect(&r, k)
	case 2: // flags(1) code(1)
		r.skip(1)
		if code := r.u8(); !r.bad {
			k.result(strconv.Itoa(code))
		}
	case 3: // topic, and where its delivery is sure id(2), then what is written
		if topic := r.mqttText(); !r.bad {
			k.nameText(topic)
		}
	case 8, 10: // id(2) properties, then topics, of a subscription with options(1) each
		r.skip(2)
		r.mqttProperties(k)
		for !r.bad && len(r.b) > 0 && k.moreNames() {
			topic := r.mqttText()
			if typ == 8 {
				r.skip(1)
			}
			if !r.bad {
				k.nameText(topic)
			}
		}
	}
	k.command(mqttTypes[typ])
	return true
}

// mqttConnect reads name, level(1) flags(1) keep alive(2) properties, client id, then as the flags say
// a will (properties, topic, what is written) and the user.
func mqttConnect(r *reader, k *talker) {
	r.mqttText()
	level, flags := r.u8(), r.u8()
	r.skip(2)
	switch level {
	case 3:
		k.version("3.1")
	case 4:
		k.version("3.1.1")
	case 5:
		k.version("5.0")
	}
	r.mqttProperties(k)
	if id := r.mqttText(); !r.bad {
		k.clientText(id)
	}
	if flags&4 != 0 {
		r.mqttProperties(k)
		r.mqttText()
		r.mqttText()
	}
	if flags&0x80 != 0 {
		if user := r.mqttText(); !r.bad {
			k.userText(user)
		}
	}
}

var mqttTypes = [16]string{"", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK",
	"PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"}
