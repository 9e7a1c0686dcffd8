import Foundation
import Gateway
import Runtime
import Testing

@Suite(.timeLimit(.minutes(5))) struct `An auditor over HTTP` {
    private static func hashes(_ value: Any?) throws -> [TreeHash] {
        try (value as? [String] ?? []).map { try hash($0) }
    }

    private static func hash(_ value: Any?) throws -> TreeHash {
        try #require((value as? String).flatMap { Data(base64Encoded: $0) }.flatMap { TreeHash(Array($0)) })
    }

    @Test func `gets the newest head, all heads page by page, and a note that verifies`() async throws {
        try await TestGateway.with { gateway in
            for number in 1...4 { _ = try await gateway.register("s-\(number)") }
            let newest = try await gateway.ask("GET", "/api/v1/audit/heads/latest")
            #expect(newest.status == 200)
            let head = try SignedHead(try #require(newest[text: "note"]))
            #expect(head.isSigned(byOneOf: [try SealsInMemory.key().verifier]))
            #expect(head.size == 5)
            let first = try await gateway.ask("GET", "/api/v1/audit/heads?limit=3")
            #expect(first.items.compactMap { $0["size"] as? Int } == [5, 4, 3])
            let next = try #require(first[text: "next"])
            let second = try await gateway.ask("GET", "/api/v1/audit/heads?limit=3&after=\(next)")
            #expect(second.items.compactMap { $0["size"] as? Int } == [2, 1])
            #expect(second[text: "next"] == nil)
        }
    }

    @Test func `can prove an event and an earlier head from the answers alone`() async throws {
        try await TestGateway.with { gateway in
            for number in 1...6 { _ = try await gateway.register("s-\(number)") }
            let proof = try await gateway.ask("GET", "/api/v1/audit/proof?position=3")
            let head = try SignedHead(try #require(proof[text: "head"]))
            let exported = try await gateway.ask("GET", "/api/v1/audit/export?after=2&limit=1")
            #expect(exported.headers["fleetlog-next"] == "3")
            guard case .event(let event, let leaf) = try ExportedLine(Array(exported.body.utf8.dropLast())) else {
                Issue.record("\(exported)")
                return
            }
            #expect(leaf == .leaf(event.sealedBytes))
            #expect(try Self.hash(proof.json["leaf"]) == leaf)
            #expect(
                TreeProof.verifies(
                    leaf: leaf, at: 2, try Self.hashes(proof.json["path"]), size: head.size, root: head.root))
            let principal = event.metadata.principal
            let own = try await gateway.ask("GET", "/api/v1/audit/export?principal=\(principal)")
            #expect(own.body.split(separator: "\n").count == 6 && own.body.contains("\(event.id)"), "\(own)")
            let nobody = try await gateway.ask("GET", "/api/v1/audit/export?principal=user:nobody")
            let unrelated = try await gateway.ask("GET", "/api/v1/audit/export?correlation=\(UUID128.v7())")
            #expect(nobody.status == 200 && nobody.body.isEmpty && unrelated.status == 200 && unrelated.body.isEmpty)
            let path = "/api/v1/audit/export"
            let ofDevice = try await gateway.ask("GET", "\(path)?stream=\(event.stream)")
            #expect(ofDevice.body.split(separator: "\n").count == 1 && ofDevice.body.contains("\(event.id)"))
            let before = try await gateway.ask("GET", "\(path)?to=2026-01-01T00:00:00Z")
            #expect(before.status == 200 && before.body.isEmpty && before.headers["fleetlog-next"] == nil)
            let behind = try await gateway.ask("GET", "\(path)?from=\(event.recordedTime)&limit=2")
            let first = try #require(behind.body.split(separator: "\n").first)
            #expect(first.contains("\(event.id)") && behind.headers["fleetlog-next"] != nil, "\(behind)")
            let consistency = try await gateway.ask("GET", "/api/v1/audit/consistency?from=2&to=7")
            #expect(
                TreeProof.verifies(
                    from: 2, try Self.hash(consistency.json["fromRoot"]), to: 7,
                    try Self.hash(consistency.json["toRoot"]),
                    try Self.hashes(consistency.json["path"])))
        }
    }

    @Test func `is told what is wrong with a question`() async throws {
        try await TestGateway.with { gateway in
            for (path, status) in [
                ("proof", 400), ("proof?position=0", 400), ("proof?position=x", 400), ("proof?position=1&size=-1", 400),
                ("proof?position=99", 404), ("proof?position=1&size=99", 404), ("consistency?from=2&to=1", 400),
                ("consistency?from=1", 400), ("consistency?from=1&to=99", 404), ("heads?after=x", 400),
                ("heads?limit=0", 400), ("export?after=-1", 400), ("export?nonsense=1", 400),
                ("export?from=noon", 400), ("export?stream=nonsense", 400),
            ] {
                let reply = try await gateway.ask("GET", "/api/v1/audit/\(path)")
                #expect(reply.status == status && reply.isProblem, "\(path): \(reply.status)")
            }
        }
    }

    @Test func `of one account gets proofs and exports of its own events only`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("other")
            let device = try await gateway.register("own", account: "other")
            let head = try await gateway.store.head().position
            let token = try await gateway.tokens.createToken(
                named: "auditor", role: .reader, account: AccountID("other"))
            let path = "/api/v1/audit"
            #expect(try await gateway.ask("GET", "\(path)/proof?position=\(head)", [:], token: token).status == 200)
            let foreign = try await gateway.ask("GET", "\(path)/proof?position=1", [:], token: token)
            let none = try await gateway.ask("GET", "\(path)/proof?position=99", [:], token: token)
            #expect(foreign.status == 404 && none.status == 404)
            let lines = try await gateway.ask("GET", "\(path)/export", [:], token: token).body
                .split(separator: "\n").map { try ExportedLine(Array($0.utf8)) }
            let accounts = lines.map { line in
                if case .event(let event, _) = line { event.metadata.account.rawValue } else { "" }
            }
            #expect(accounts == ["other", "other"])
            #expect("\(lines)".contains(device))
            #expect(try await gateway.ask("GET", "\(path)/heads", [:], token: "").status == 401)
        }
    }
}
