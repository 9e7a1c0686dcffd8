package import Runtime

/// An X.509 certificate that a device may prove itself with at the broker; whoever holds its private key is the device.
package struct DeviceCertificate: Sendable, Hashable, Codable {
    /// The fingerprint: SHA-256 of the certificate in DER, in hexadecimal digits.
    package var sha256: String
    package var subject: String
    package var notAfter: Timestamp

    package init(sha256: String, subject: String, notAfter: Timestamp) {
        self.sha256 = sha256
        self.subject = subject
        self.notAfter = notAfter
    }
}

extension DeviceCertificate {
    var approximateHeapBytes: Int { sha256.approximateHeapBytes + subject.approximateHeapBytes }
}
