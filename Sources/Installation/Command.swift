import Foundation

/// A program that does one thing and ends.
package struct Command: Sendable {
    package struct Output: Sendable {
        package let ending: RunningProcess.Ending
        package let text: String
        package let errors: String

        package var succeeded: Bool { ending == .exited(0) }
    }

    private let program: String
    private let arguments: [String]
    private let environment: [String: String]
    private let user: ServiceUser

    package init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) {
        self.init(program, arguments, environment: environment, user: .us)
    }

    init(_ program: String, _ arguments: [String], environment: [String: String] = [:], user: ServiceUser) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.user = user
    }

    /// Runs to the end, whatever the exit status; cancellation terminates the program.
    package func output(input: String? = nil) async throws(InstallationError) -> Output {
        // Files rather than pipes: nothing to drain while it runs, nothing to dead-lock.
        let text = try UnnamedFile()
        let errors = try UnnamedFile()
        let given = try input.map { (input) throws(InstallationError) in try UnnamedFile(containing: input) }
        let process = try Launch(
            executable: program, arguments: arguments, environment: environment, user: user,
            input: given?.descriptor, output: text.descriptor, errors: errors.descriptor
        ).start()
        let ending = await withTaskCancellationHandler {
            await process.ended()
        } onCancel: {
            process.send(SIGTERM)
        }
        return Output(ending: ending, text: text.contents, errors: errors.contents)
    }

    /// Runs to the end and throws unless the exit status is 0.
    @discardableResult
    package func run(input: String? = nil) async throws(InstallationError) -> String {
        let output = try await output(input: input)
        guard output.succeeded else {
            throw .commandFailed(
                program: (program as NSString).lastPathComponent, ending: output.ending.description,
                message: output.errors.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return output.text
    }
}

/// A file without a name: gone when closed, unreadable for others.
private final class UnnamedFile: Sendable {
    let descriptor: CInt

    init(containing text: String = "") throws(InstallationError) {
        var template = Array("/tmp/fleetlog-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw .failed("/tmp") }
        unlink(template)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { throw .failed("/tmp") }
            rest = rest.dropFirst(written)
        }
        lseek(descriptor, 0, SEEK_SET)
    }

    deinit { close(descriptor) }

    var contents: String {
        lseek(descriptor, 0, SEEK_SET)
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        return String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
    }
}
