internal import SwiftASN1
internal import X509

/// The authorities that sign the certificates of devices, as the broker has them in its `cafile`.
package struct DeviceAuthority: Sendable {
    package struct Unreadable: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    private let authorities: [Certificate]

    /// - Throws: ``Unreadable`` unless the text is one certificate in PEM, or several.
    package init(pem text: String) throws(Unreadable) {
        do {
            authorities = try PEMDocument.parseMultiple(pemString: text).filter { $0.discriminator == "CERTIFICATE" }
                .map { try Certificate(derEncoded: $0.derBytes) }
        } catch {
            throw Unreadable(description: "it holds something else than certificates in PEM")
        }
        guard !authorities.isEmpty else { throw Unreadable(description: "it holds no certificate in PEM") }
    }

    /// Whether one of them has. What else makes a chain good is for the broker to see, at each handshake.
    func hasSigned(_ presented: PresentedCertificate) -> Bool {
        let certificate = presented.certificate
        return authorities.contains {
            $0.subject == certificate.issuer && $0.publicKey.isValidSignature(certificate.signature, for: certificate)
        }
    }
}
