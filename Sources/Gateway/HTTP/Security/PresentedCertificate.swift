import Aggregates
import Crypto
import Foundation
import HTTPTypes
import Runtime
internal import SwiftASN1
internal import X509

/// A certificate that somebody presents for a device, taken apart.
struct PresentedCertificate: Sendable {
    private static let largest = 16_384
    private static let longestSubject = 500

    /// Of the certificate in DER, as it was presented.
    let sha256: [UInt8]
    let certificate: Certificate

    /// - Throws: 400 for anything but one X.509 certificate in PEM that a client may use.
    init(pem text: String) throws(Problem) {
        guard text.utf8.count <= Self.largest else {
            throw .malformedCertificate("must have at most \(Self.largest) bytes")
        }
        let document = try Self.only(in: text)
        do {
            certificate = try Certificate(derEncoded: document.derBytes)
        } catch {
            throw .malformedCertificate("is in PEM, but is no X.509 certificate")
        }
        sha256 = Array(SHA256.hash(data: Data(document.derBytes)))
        guard isForClients else {
            throw .malformedCertificate("is not for clients: its extended key usage lacks clientAuth")
        }
    }

    private static func only(in text: String) throws(Problem) -> PEMDocument {
        let documents: [PEMDocument]
        do {
            documents = try PEMDocument.parseMultiple(pemString: text)
        } catch {
            throw .malformedCertificate("is not PEM: send the lines from BEGIN CERTIFICATE to END CERTIFICATE")
        }
        guard !documents.contains(where: { $0.discriminator.hasSuffix("PRIVATE KEY") }) else {
            throw .malformedCertificate(
                "holds a private key, which nobody but the device should have: make a new key, and send its certificate"
            )
        }
        guard documents.count == 1, documents[0].discriminator == "CERTIFICATE" else {
            throw .malformedCertificate("must be one certificate, the device's, without those of its authorities")
        }
        return documents[0]
    }

    /// The broker refuses others in the handshake.
    private var isForClients: Bool {
        guard let usages = try? certificate.extensions.extendedKeyUsage else {
            return certificate.extensions[oid: .X509ExtensionID.extendedKeyUsage] == nil
        }
        return usages.contains(.clientAuth) || usages.contains(.any)
    }

    var fact: DeviceCertificate {
        let subject = String(describing: certificate.subject).unicodeScalars
            .map { $0.value < 0x20 || $0.value == 0x7F ? " " : String($0) }.joined()
        return DeviceCertificate(
            sha256: sha256.hexadecimal, subject: String(subject.prefix(Self.longestSubject)),
            notAfter: Timestamp(
                microseconds: Int64(certificate.notValidAfter.timeIntervalSince1970) * 1_000_000))
    }
}

extension Problem {
    static func malformedCertificate(_ reason: String) -> Problem {
        .malformed("certificate", "The certificate \(reason).")
    }

    static func certificateExpired(_ time: Timestamp) -> Problem {
        Problem(
            .unprocessableContent, "certificate-expired", "This certificate has ended",
            "It was valid until \(time): have a new one issued.", field: "certificate")
    }

    static let certificateUntrusted = Problem(
        .unprocessableContent, "certificate-untrusted", "This certificate is of another authority",
        "The broker would refuse it: have it signed by the authority for devices.", field: "certificate")

    /// The same whoever has it, or had it: nobody learns of devices that are not his.
    static let certificateUsed = Problem.conflict(
        "certificate-used",
        "A certificate is registered once, for one device, and never again: have a new one issued for this device.")
}
