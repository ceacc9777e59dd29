using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Latchkey.Testing;

namespace Latchkey.Client.Tests.Samples;

/// <summary>The samples as the programs they are, against a real server on loopback.</summary>
public sealed class SampleProgramTests
{
    [Fact, Check("C22")]
    public async Task The_service_prints_a_line_for_each_call_and_needs_one_token()
    {
        await using var authority = await AuthorityAsync();
        await using var service = Sample.Start("service", [.. Client(authority, Ready.Machine, "api:read"), "--call", authority.Issuer + "/healthz/live", "--times", "20", "--parallel", "8"]);
        Assert.Equal(0, await service.ExitAsync());
        var lines = service.Output.Select(line => JsonElement.Parse(line)).ToList();
        Assert.Equal(Enumerable.Range(1, 20), lines.SkipLast(1).Select(line => line.GetProperty("call").GetInt32()).Order());
        Assert.All(lines.SkipLast(1), line => Assert.Equal(200, line.GetProperty("status").GetInt32()));
        Assert.Equal("""{"calls":20,"token_requests":1}""", lines[^1].GetRawText());
        authority.Requests.ShouldHaveAskedForTokens(1);
    }

    [Fact]
    public async Task The_service_says_why_there_is_no_token()
    {
        await using var authority = await AuthorityAsync();
        await using var service = Sample.Start("service", [.. Client(authority, Ready.Machine with { Secret = "wrong-secret-0123456789abcdef" }, "api:read"), "--call", authority.Issuer + "/healthz/live"]);
        Assert.Equal(1, await service.ExitAsync());
        Assert.Equal("""{"call":1,"error":"invalid_client"}""", service.Output[0]);
        Assert.StartsWith("invalid_client", Assert.Single(service.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_setting_is_one_sentence_and_exit_code_2()
    {
        foreach (var (program, more) in new[] { ("service", new[] { "--client-secret", "s", "--call", "http://127.0.0.1/" }), ("device", []), ("native", []) })
        {
            await using var sample = Sample.Start(program, ["--issuer", "http://id.example.com", "--client-id", "x", "--scope", "openid", .. more]);
            Assert.Equal(2, await sample.ExitAsync());
            Assert.Contains("Issuer uses http", Assert.Single(sample.Errors), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_device_shows_a_code_and_then_who_has_signed_in_or_the_error_code(bool allow)
    {
        await using var authority = await AuthorityAsync();
        await using var device = Sample.Start("device", Client(authority, Ready.Device, "openid profile email"));
        var line = await device.LineAsync("Visit ");
        Assert.Contains(authority.Issuer + "/device", line, StringComparison.Ordinal);
        var code = line.Split(": ")[^1];
        await (allow ? authority.ApproveDeviceAsync(code) : authority.DenyDeviceAsync(code));
        Assert.Equal(allow ? 0 : 1, await device.ExitAsync());
        if (allow) Assert.Equal("Alice Example", JsonElement.Parse(device.Output[^1]).GetProperty("name").GetString());
        else Assert.StartsWith("access_denied", Assert.Single(device.Errors), StringComparison.Ordinal);
    }

    [Fact, Check("C24")]
    public async Task The_native_app_signs_in_by_the_browser()
    {
        await using var authority = await AuthorityAsync();
        await using var app = Sample.Start("native", Client(authority, Ready.Native, "openid profile"));
        var address = (await app.LineAsync("Sign in")).Split(' ')[^1];
        // It pushed its request: the address in the browser says nothing of it.
        var redirect = Assert.Single(authority.Requests.PushedAuthorization)["redirect_uri"]!;
        var stop = await authority.Browser().Knows(Testing.Browsing.Site.At(new Uri(redirect).GetLeftPart(UriPartial.Authority))).OpenAsync(address);
        Assert.Contains("You are signed in", stop.Body, StringComparison.Ordinal);
        Assert.Equal(0, await app.ExitAsync());
        Assert.Equal("Alice Example", JsonElement.Parse(app.Output[^1]).GetProperty("name").GetString());
        authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce().ShouldHaveKeptSecretsOutOfUrls();
    }

    private static Task<TestAuthority> AuthorityAsync() => TestAuthority.StartAsync(options => options.Listen = Listening.Loopback);

    private static string[] Client(TestAuthority authority, ReadyClient client, string scope) =>
        ["--issuer", authority.Issuer, "--client-id", client.ClientId, "--scope", scope, .. client.Secret is null ? Array.Empty<string>() : ["--client-secret", client.Secret]];

    /// <summary>A running sample.</summary>
    private sealed class Sample : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
        private readonly Task _reading;

        private Sample(Process process)
        {
            _process = process;
            _reading = Task.WhenAll(ReadAsync(process.StandardOutput, Output), ReadAsync(process.StandardError, Errors));
        }

        public List<string> Output { get; } = [];

        public List<string> Errors { get; } = [];

        public static Sample Start(string name, string[] arguments)
        {
            // artifacts/bin/Latchkey.Client.Tests/release/ → artifacts/bin/Service/release/service
            var configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
            var project = char.ToUpperInvariant(name[0]) + name[1..];
            var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, configuration, name));
            // No browser is opened on the machine of whoever runs the tests.
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["BROWSER"] = "true" } };
            return new(Process.Start(start)!);
        }

        public async Task<string> LineAsync(string beginning)
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            await foreach (var line in _lines.Reader.ReadAllAsync(timeout.Token))
            {
                if (line.StartsWith(beginning, StringComparison.Ordinal)) return line;
            }

            throw new InvalidOperationException($"It ended without a line \"{beginning}\": {string.Join('\n', Errors)}");
        }

        public async Task<int> ExitAsync()
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            await _process.WaitForExitAsync(timeout.Token);
            await _reading;
            return _process.ExitCode;
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited) _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        private async Task ReadAsync(StreamReader reader, List<string> lines)
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                lines.Add(line);
                if (ReferenceEquals(lines, Output)) _lines.Writer.TryWrite(line);
            }

            if (ReferenceEquals(lines, Output)) _lines.Writer.Complete();
        }
    }
}
