import Aggregates
import Foundation
import Glibc
import Runtime

/// A notification as an e-mail. Its headers are one line each, whatever a notification says.
struct MailMessage: Sendable, Equatable {
    let recipient: String
    let headers: [String]
    let text: String
    let html: String

    init(_ message: DeliveryMessage, to recipient: String, from sender: String) {
        let notification = message.notification
        self.recipient = recipient
        let title = Self.heading(of: notification)
        let domain = sender.split(separator: "@").last ?? "localhost"
        headers = [
            "From: Fleetlog <\(sender)>", "To: <\(recipient)>",
            "Subject: " + Self.headerText("[\(notification.severity.rawValue)] \(title)"),
            "Date: " + Self.date(message.createdTime), "Message-ID: <\(message.key)@\(domain)>",
            "Auto-Submitted: auto-generated",
        ]
        // Several lines that stand in the text are not said twice.
        let values = notification.data.filter { !($0.value.contains("\n") && notification.text.contains($0.value)) }
            .sorted { $0.key < $1.key }
        text = Self.crlf(
            ([notification.text, ""] + values.map { "\($0.key): \($0.value)" }
                + ["", "Account \(notification.account), notification \(message.id)", ""]).joined(separator: "\n"))
        let rows = values.map {
            "<tr><th align=\"left\">\(Self.escaped($0.key))</th><td>\(Self.escaped($0.value))</td></tr>"
        }
        html = Self.crlf(
            """
            <!doctype html>
            <html><head><meta charset="utf-8"><title>\(Self.escaped(title))</title></head><body>
            <h1>\(Self.escaped(title))</h1>
            <p>\(Self.escaped(notification.text).replacing("\n", with: "<br>\n"))</p>
            <table>\(rows.joined(separator: "\n"))</table>
            <p><small>Account \(Self.escaped(notification.account.rawValue)), notification \(message.id)</small></p>
            </body></html>

            """)
    }

    /// What people call the device, where it is, and what is to be told of it; so long only that the last is not cut off.
    private static func heading(of notification: Notification) -> String {
        let data = notification.data
        let names = [data["deviceName"] ?? data["deviceSerial"], data["deviceLocation"]].compactMap { $0?.prefix(40) }
        return names.isEmpty ? notification.title : "\(names.joined(separator: ", ")): \(notification.title)"
    }

    /// Printable ASCII as it is, anything else as encoded words of RFC 2047; cut to what fits on a line.
    static func headerText(_ text: String) -> String {
        var (kept, bytes) = ("", 0)
        for character in text {
            let isControl = character.unicodeScalars.contains { $0.properties.generalCategory == .control }
            let next = isControl ? " " : String(character)
            bytes += next.utf8.count
            if bytes > 200 { break }
            kept += next
        }
        if kept.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), !kept.contains("=?") { return kept }
        var words: [String] = []
        var word = ""
        // A word may have 75 characters, and must not end within a character.
        for scalar in kept.unicodeScalars {
            if word.utf8.count + UTF8.width(scalar) > 45 {
                words.append(word)
                word = ""
            }
            word.unicodeScalars.append(scalar)
        }
        return (words + [word]).map { "=?UTF-8?B?\(Data($0.utf8).base64EncodedString())?=" }.joined(separator: " ")
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
    }

    /// Mail ends its lines with both; a null ends a text of libcurl.
    private static func crlf(_ text: String) -> String {
        text.replacing("\0", with: " ").replacing("\r\n", with: "\n").replacing("\r", with: "\n")
            .replacing("\n", with: "\r\n")
    }

    private static func date(_ time: Timestamp) -> String {
        var seconds = time_t(time.microseconds / 1_000_000)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(days[Int(fields.tm_wday)]), \(two(fields.tm_mday)) \(months[Int(fields.tm_mon)]) "
            + "\(fields.tm_year + 1_900) \(two(fields.tm_hour)):\(two(fields.tm_min)):\(two(fields.tm_sec)) +0000"
    }
}
