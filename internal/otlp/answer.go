package otlp

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A PartialSuccessError says that the backend took a request but for some data points, or
// that it took all and has a warning.
type PartialSuccessError struct {
	Rejected int64 // data points
	Message  string
}

// Error has the text that the SDK's exporters give it.
func (p *PartialSuccessError) Error() string {
	message := p.Message
	if message == "" {
		message = "empty message"
	}
	return fmt.Sprintf("OTLP partial success: %s (%d metric data points rejected)", message, p.Rejected)
}

// partialSuccess reads an ExportMetricsServiceResponse.
func partialSuccess(answer []byte) error {
	var p PartialSuccessError
	err := eachField(answer, func(field protowire.Number, v value) error {
		if field != 1 { // partial_success
			return nil
		}
		return eachField(v.bytes, func(field protowire.Number, v value) error {
			switch field {
			case 1:
				p.Rejected = int64(v.number)
			case 2:
				p.Message = shortened(string(v.bytes))
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("the answer is no ExportMetricsServiceResponse: %w", err)
	}
	if p == (PartialSuccessError{}) {
		return nil
	}
	return &p
}

// message is what an answer that is no success says: the message of a google.rpc.Status,
// as OTLP has it, or its text.
func message(answer []byte, isProtobuf bool) (text string) {
	if !isProtobuf {
		return shortened(string(answer))
	}
	err := eachField(answer, func(field protowire.Number, v value) error {
		if field == 2 {
			text = shortened(string(v.bytes))
		}
		return nil
	})
	if err != nil {
		return "no google.rpc.Status: " + err.Error()
	}
	return text
}

// A value is that of a field: a number or bytes, by its type.
type value struct {
	number uint64
	bytes  []byte
}

// eachField calls f with the fields of a message whose type is varint or bytes, and skips
// others.
func eachField(message []byte, f func(protowire.Number, value) error) error {
	for len(message) > 0 {
		field, t, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		var v value
		switch t {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(field, t, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if t != protowire.VarintType && t != protowire.BytesType {
			continue
		}
		if err := f(field, v); err != nil {
			return err
		}
	}
	return nil
}
