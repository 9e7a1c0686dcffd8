import Foundation
import Testing
import Workflows

@testable import Fleetlog

@Suite struct `The settings of notifications` {
    private func settings(_ flags: [String: String]) throws -> NotificationSettings {
        try NotificationSettings(SettingsSources(flags: flags, environment: [:]))
    }

    @Test func `set up no e-mail and no private receivers unless told to`() throws {
        let settings = try settings([:])
        #expect(settings.mail == nil && settings.webhooks == .init())
        #expect(try self.settings(["webhook-allow-private": "loopback,10.1.0.0/16"]).webhooks != .init())
    }

    @Test func `want encryption everywhere but on this machine`() throws {
        for (url, encryption) in [
            ("smtp://mail.example.com:587", "required"), ("smtps://mail.example.com", "required"),
            ("smtp://127.0.0.1:25", "none"), ("smtp://localhost", "none"), ("smtps://localhost", "required"),
        ] {
            let mail = try settings(["smtp-url": url, "smtp-from": "a@example.com"]).mail
            #expect(mail.map { "\($0.encryption)" } == encryption, "\(url)")
        }
        let forced = try settings(["smtp-url": "smtp://localhost", "smtp-from": "a@b", "smtp-tls": "required"]).mail
        #expect(forced.map { "\($0.encryption)" } == "required")
    }

    @Test func `take the password from a file and never show it`() throws {
        let path = NSTemporaryDirectory() + "fleetlog-secret-\(UInt64.random(in: 0...UInt64.max))"
        try "hush\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let mail = try settings([
            "smtp-url": "smtp://h:587", "smtp-from": "a@b", "smtp-username": "ada", "smtp-secret-file": path,
        ]).mail
        #expect(mail?.password == "hush" && mail.map { "\($0)".contains("hush") } == false)
    }

    @Test(arguments: [
        ["webhook-allow-private": "intranet"], ["smtp-url": "http://h"], ["smtp-url": "smtp://h"],
        ["smtp-url": "smtp://ada:pw@h", "smtp-from": "a@b"], ["smtp-url": "smtp://h", "smtp-from": "nobody"],
        ["smtp-url": "smtp://h", "smtp-from": "a@b", "smtp-tls": "maybe"], ["smtp-from": "a@b"],
        ["smtp-url": "smtp://h", "smtp-from": "a@b", "smtp-secret-file": "/nonexistent"],
    ]) func `are refused if they make no sense`(_ flags: [String: String]) {
        #expect(throws: SettingsError.self) { try settings(flags) }
    }
}
