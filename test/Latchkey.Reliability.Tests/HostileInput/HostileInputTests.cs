using System.Net;
using System.Text;

namespace Latchkey.Reliability.Tests.HostileInput;

/// <summary>
/// Thousands of requests that no client would send: never a 5xx, never a caller kept waiting, nothing written, and the server lives. The seeds are
/// fixed, so a failure comes again.
/// </summary>
public sealed class HostileInputTests(HostileInputTests.Victim victim) : IClassFixture<HostileInputTests.Victim>
{
    private static readonly Dictionary<string, Func<Random, byte[]>> Generators = new()
    {
        ["forms"] = Requests.Form,
        ["mutated requests"] = Requests.Mutated,
        ["noise"] = Requests.Noise,
        ["oversized heads"] = Requests.Oversized,
        ["chunked bodies"] = Requests.Chunked,
        ["pipelined requests"] = Requests.Pipelined,
    };

    [Theory]
    [InlineData("forms", 1_200)]
    [InlineData("mutated requests", 900)]
    [InlineData("noise", 200)]
    [InlineData("oversized heads", 200)]
    [InlineData("chunked bodies", 300)]
    [InlineData("pipelined requests", 200)]
    public async Task Requests_that_make_no_sense_get_an_answer_that_does(string kind, int count)
    {
        var answered = 0;
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 24 }, async (seed, _) =>
        {
            var request = Generators[kind](new Random(seed));
            var statuses = await RawConnection.TalkAsync(victim.Port, request);
            // 505 is Kestrel's right answer to another version of HTTP (RFC 9110 section 15.6.6).
            Assert.True(statuses.All(status => status is < 500 or 505), $"{kind}, seed {seed}: {string.Join(' ', statuses)}\n{Shortened(request)}");
            if (statuses.Count > 0) Interlocked.Increment(ref answered);
        });

        // The requests were not all so broken that nothing of the server's own was reached.
        Assert.InRange(answered, count / 4, count);
        await victim.AssertUnharmedAsync();
    }

    [Fact]
    public async Task A_body_that_comes_slowly_or_never_ends_is_not_waited_for_long()
    {
        var head = Encoding.ASCII.GetBytes("POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n");
        var drops = Enumerable.Repeat("a"u8.ToArray(), 40).ToArray();

        // In drops, then hung up on; and a hundred who say half and wait, none of whom keeps others from an answer.
        var statuses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RawConnection.TalkAsync(victim.Port, [head, .. drops])));
        Assert.All(statuses, answers => Assert.All(answers, status => Assert.InRange(status, 400, 499)));
        var waiting = Enumerable.Range(0, 100).Select(_ => RawConnection.TalkAsync(victim.Port, head)).ToArray();
        await victim.AssertUnharmedAsync();
        await Task.WhenAll(waiting);
        await victim.AssertUnharmedAsync();
    }

    [Fact]
    public async Task Who_says_half_a_request_and_keeps_the_line_is_let_go()
    {
        string[] halves =
        [
            "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ngrant_type=",
            "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ngrant\r\n",
            "POST /token HTTP/1.1\r\nHost: x\r\nContent-",
            "POST /tok",
        ];
        // The server waits for each as long as it waits for anybody; all wait together.
        await Task.WhenAll(halves.Select(async half =>
        {
            using var client = new System.Net.Sockets.TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, victim.Port);
            var stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(half));
            using var reader = new StreamReader(stream);
            var answer = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(25));
            Assert.DoesNotContain("HTTP/1.1 5", answer, StringComparison.Ordinal);
        }));
    }

    private static string Shortened(byte[] request) => Encoding.Latin1.GetString(request.AsSpan(0, Math.Min(request.Length, 1_000)));

    /// <summary>A server of these tests alone, whose database is counted before and after.</summary>
    public sealed class Victim : IAsyncLifetime
    {
        // The audit tells of refusals, and the keys of the future are made in the background of the first start.
        private static readonly string[] Growing = ["audit", "signing_keys", "configuration"];

        private LatchkeyProcess? _server;
        private string _before = "";
        private int _id;

        public int Port => _server!.Port;

        public async ValueTask InitializeAsync()
        {
            _server = await LatchkeyProcess.StartAsync();
            _id = _server.ProcessId;
            _before = Tables.Counts(Path.Combine(_server.DataFolder, "latchkey.db"), Growing);
        }

        /// <summary>The same process is there and answers, no request broke in it, and no table but the audit has grown.</summary>
        public async Task AssertUnharmedAsync()
        {
            using var app = new OAuthClient(_server!.Issuer, DeclaredStates.Machine);
            (await app.ClientCredentialsAsync("api:read").WaitAsync(TimeSpan.FromSeconds(10))).Expect(HttpStatusCode.OK);
            (await app.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK);
            Assert.Equal(_id, _server.ProcessId);
            Assert.DoesNotContain(" broke; ", _server.Output + _server.Errors, StringComparison.Ordinal);
            Assert.DoesNotContain("nhandled exception", _server.Output + _server.Errors, StringComparison.Ordinal);
            Assert.Equal(_before, Tables.Counts(Path.Combine(_server.DataFolder, "latchkey.db"), Growing));
        }

        public async ValueTask DisposeAsync()
        {
            if (_server is not null) await _server.DisposeAsync();
        }
    }
}
