import Foundation
import Testing

/// The message as another program reads it.
func parsedMail(_ message: String) throws -> [String: Any] {
    let script = """
        import email, email.policy, json, sys
        mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
        parts = {kind: mail.get_body((kind,)).get_content().replace("\\r\\n", "\\n") for kind in ("plain", "html")}
        print(json.dumps({"subject": mail["subject"], "bcc": mail["bcc"], "id": mail["message-id"],
            "date": mail["date"], "to": mail["to"], "text": parts["plain"], "html": parts["html"]}))
        """
    let (process, input, output) = (Process(), Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = ["-c", script]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    input.fileHandleForWriting.write(Data(message.utf8))
    try input.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
}
