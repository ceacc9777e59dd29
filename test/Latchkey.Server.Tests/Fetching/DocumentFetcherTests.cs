using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using Latchkey.Server.Fetching;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Server.Tests.Fetching;

/// <summary>What the server fetches for others, and what nobody can make it fetch: real sockets, real HTTP.</summary>
[Spec("Client ID Metadata Document", "8.6")]
[Check("A48")]
public sealed class DocumentFetcherTests : IClassFixture<DocumentHostFixture>, IDisposable
{
    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());
    private readonly List<string> _resolved = [];
    private Func<string, IPAddress[]> _names = host => IPAddress.TryParse(host, out var literal) ? [literal] : [IPAddress.Loopback];
    private readonly DocumentFetcher _fetcher;
    private readonly DocumentHost _host;

    public DocumentFetcherTests(DocumentHostFixture site)
    {
        _host = site.Host;
        _host.Clear();
        _fetcher = new DocumentFetcher(new ServerOptions { Issuer = "https://id.example.com" }, _clock, (host, _) =>
        {
            lock (_resolved) _resolved.Add(host);
            return Task.FromResult(_names(host));
        });
    }

    public void Dispose() => _fetcher.Dispose();

    [Fact]
    public async Task A_document_is_read_whole_with_its_freshness()
    {
        var url = _host.Put("/client.json", """{"a":1}""", cacheControl: "public, max-age=600");
        var document = Assert.IsType<FetchOutcome.Document>(await FetchAsync(url));
        Assert.Equal("""{"a":1}"""u8, document.Body.Span);
        Assert.Equal(TimeSpan.FromMinutes(10), document.Freshness);
    }

    [Theory]
    [InlineData("max-age=600", "100", null, 500)]
    [InlineData("no-store", null, null, 0)]
    [InlineData("no-cache, max-age=600", null, null, 0)]
    [InlineData("max-age=600", "900", null, 0)]
    [InlineData(null, null, "Thu, 01 Jan 1970 00:00:00 GMT", 0)]
    [InlineData(null, null, "0", 0)]
    [InlineData("public", null, null, null)]
    [InlineData(null, null, null, null)]
    [Spec("RFC 9111", "4.2.1")]
    public async Task Freshness_is_what_the_headers_say(string? cacheControl, string? age, string? expires, int? seconds)
    {
        _host.Paths["/client.json"] = async context =>
        {
            context.Response.ContentType = "application/json";
            if (cacheControl is not null) context.Response.Headers.CacheControl = cacheControl;
            if (age is not null) context.Response.Headers.Age = age;
            if (expires is not null) context.Response.Headers.Expires = expires;
            await context.Response.WriteAsync("{}");
        };
        var document = Assert.IsType<FetchOutcome.Document>(await FetchAsync(_host.Url("/client.json")));
        Assert.Equal(seconds is { } some ? TimeSpan.FromSeconds(some) : null, document.Freshness);
    }

    /// <summary>However an address inside is spelt or disguised, no connection is made to it: the host that would answer is never asked.</summary>
    [Theory]
    [InlineData("https://127.0.0.1:{0}/secret")]
    [InlineData("https://127.1:{0}/secret")]
    [InlineData("https://0x7f.1:{0}/secret")]
    [InlineData("https://0177.0.0.1:{0}/secret")]
    [InlineData("https://0x7f000001:{0}/secret")]
    [InlineData("https://017700000001:{0}/secret")]
    [InlineData("https://127.0.0.1.:{0}/secret")]
    [InlineData("https://127.000.000.001:{0}/secret")]
    [InlineData("https://[::ffff:0:127.0.0.1]:{0}/secret")]
    [InlineData("https://[64:ff9b::127.0.0.1]:{0}/secret")]
    [InlineData("https://127%2e0.0.1:{0}/secret")]
    [InlineData("https://inside.example.com.:{0}/secret")]
    [InlineData("https://2130706433:{0}/secret")]
    [InlineData("https://0:{0}/secret")]
    [InlineData("https://[::1]:{0}/secret")]
    [InlineData("https://[::ffff:127.0.0.1]:{0}/secret")]
    [InlineData("https://[::ffff:7f00:1]:{0}/secret")]
    [InlineData("https://[::127.0.0.1]:{0}/secret")]
    [InlineData("https://[0:0:0:0:0:0:0:1]:{0}/secret")]
    [InlineData("https://localhost:{0}/secret")]
    [InlineData("https://LOCALHOST.:{0}/secret")]
    [InlineData("https://inside.example.com:{0}/secret")]
    [InlineData("https://169.254.169.254/latest/meta-data/")]
    [InlineData("https://10.0.0.1/")]
    [InlineData("https://[fe80::1]/")]
    [InlineData("https://[fd00:ec2::254]/latest/meta-data/")]
    [InlineData("https://①②⑦.0.0.1:{0}/secret")]
    public async Task No_connection_goes_to_an_address_inside(string form)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = string.Format(System.Globalization.CultureInfo.InvariantCulture, form, ((IPEndPoint)listener.LocalEndpoint).Port);
        var failed = Assert.IsType<FetchOutcome.Failed>(await _fetcher.FetchAsync(url, Reach.Public, FetchRules.MetadataDocument, TestContext.Current.CancellationToken));
        Assert.False(listener.Pending(), "The server connected.");
        Assert.DoesNotContain("refused", failed.Reason, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_name_without_an_address_and_a_name_of_the_inside_sound_alike()
    {
        _names = _ => [];
        var nothing = Assert.IsType<FetchOutcome.Failed>(await PublicAsync("https://nothing.example.com/"));
        _names = _ => [IPAddress.Parse("10.1.2.3")];
        var inside = Assert.IsType<FetchOutcome.Failed>(await PublicAsync("https://inside.example.com/"));
        _names = _ => throw new SocketException((int)SocketError.HostNotFound);
        var unknown = Assert.IsType<FetchOutcome.Failed>(await PublicAsync("https://unknown.example.com/"));
        Assert.Equal(nothing.Reason, inside.Reason);
        Assert.Equal(nothing.Reason, unknown.Reason);
    }

    /// <summary>The name is asked for once per connection, and what was judged is what is connected to: a second answer is never heard.</summary>
    [Fact]
    public async Task A_name_that_changes_its_mind_gains_nothing()
    {
        var answers = new Queue<IPAddress>([IPAddress.Parse("10.0.0.1"), IPAddress.Loopback, IPAddress.Loopback]);
        _names = _ => [answers.Dequeue()];
        Assert.IsType<FetchOutcome.Failed>(await PublicAsync($"https://rebinding.example.com:{_host.Port}/secret"));
        Assert.Single(_resolved);
        Assert.IsType<FetchOutcome.Failed>(await PublicAsync($"https://rebinding.example.com:{_host.Port}/secret"));
        Assert.Empty(_host.Asked);

        // Nor is it asked again between the judgement and the connection.
        _host.Put("/a.json", "{}");
        (answers, var before) = (new([IPAddress.Loopback, IPAddress.Parse("10.0.0.1")]), _resolved.Count);
        Assert.IsType<FetchOutcome.Document>(await FetchAsync($"http://localhost:{_host.Port}/a.json"));
        Assert.Equal(before + 1, _resolved.Count);
    }

    [Theory]
    [InlineData("http://example.com/")]
    [InlineData("ftp://example.com/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://example.com/")]
    [InlineData("https://user:password@example.com/")]
    [InlineData("https://exa mple.com/")]
    [InlineData("https://example.com\\@127.0.0.1/")]
    [InlineData("//example.com/")]
    [InlineData("https:///path")]
    [InlineData("")]
    public async Task Only_a_plain_https_url_is_asked_for(string url)
    {
        Assert.False(Assert.IsType<FetchOutcome.Failed>(await PublicAsync(url)).MayPass);
        Assert.Empty(_resolved);
    }

    [Theory]
    [InlineData("http://2130706433:{0}/a.json")]
    [InlineData("http://127.1:{0}/a.json")]
    [InlineData("http://[::ffff:127.0.0.1]:{0}/a.json")]
    [InlineData("http://localhost.:{0}/a.json")]
    [InlineData("http://127.0.0.2:{0}/a.json")]
    [InlineData("http://127.0.0.1.nip.io:{0}/a.json")]
    public async Task Loopback_is_allowed_in_its_three_plain_spellings_only(string form)
    {
        _host.Put("/a.json", "{}");
        Assert.IsType<FetchOutcome.Document>(await FetchAsync($"http://localhost:{_host.Port}/a.json"));
        Assert.IsType<FetchOutcome.Failed>(await FetchAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, form, _host.Port)));
        Assert.Single(_host.Asked);
    }

    [Fact]
    public async Task The_name_localhost_leads_to_this_computer_or_nowhere()
    {
        _names = _ => [IPAddress.Parse("8.8.8.8")];
        Assert.Contains("no host", Assert.IsType<FetchOutcome.Failed>(await FetchAsync($"http://localhost:{_host.Port}/a.json")).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_is_not_followed(int status)
    {
        _host.Put("/secret", "{}");
        _host.Paths["/a.json"] = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = _host.Url("/secret");
            return Task.CompletedTask;
        };
        Assert.False(Assert.IsType<FetchOutcome.Failed>(await FetchAsync(_host.Url("/a.json"))).MayPass);
        Assert.Equal(["/a.json"], _host.Asked);
    }

    [Theory]
    [InlineData(201, false)]
    [InlineData(204, false)]
    [InlineData(404, false)]
    [InlineData(410, false)]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(503, true)]
    public async Task Only_200_counts(int status, bool mayPass)
    {
        var url = _host.Put("/a.json", status == 204 ? "" : "{}", status: status);
        Assert.Equal(mayPass, Assert.IsType<FetchOutcome.Failed>(await FetchAsync(url)).MayPass);
    }

    [Theory]
    [InlineData("application/json; charset=utf-8", true)]
    [InlineData("application/cimd+json", true)]
    [InlineData("Application/JSON", true)]
    [InlineData("text/html", false)]
    [InlineData("text/json", false)]
    [InlineData("application/jsonp", false)]
    [InlineData("", false)]
    public async Task Only_json_counts(string contentType, bool taken)
    {
        var url = _host.Put("/a.json", "{}", contentType);
        Assert.Equal(taken, await FetchAsync(url) is FetchOutcome.Document);
    }

    [Theory]
    [InlineData(5 * 1024, true)]
    [InlineData(5 * 1024 + 1, false)]
    public async Task A_document_has_5_kilobytes_at_most(int length, bool taken)
    {
        var url = _host.Put("/a.json", new string(' ', length));
        Assert.Equal(taken, await FetchAsync(url) is FetchOutcome.Document);
        _host.Paths["/chunked.json"] = async context =>
        {
            context.Response.ContentType = "application/json";
            await context.Response.StartAsync();
            await context.Response.WriteAsync(new string(' ', length));
        };
        Assert.Equal(taken, await FetchAsync(_host.Url("/chunked.json")) is FetchOutcome.Document);
    }

    /// <summary>A gigabyte is offered; the host sees its connection end after kilobytes.</summary>
    [Fact]
    public async Task A_gigabyte_is_not_taken()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var fetch = FetchAsync($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/a.json");
        using var connection = await listener.AcceptSocketAsync(TestContext.Current.CancellationToken);
        await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        var sent = 0L;
        var block = new byte[64 * 1024];
        try
        {
            while (sent < 1L << 30) sent += await connection.SendAsync(block, TestContext.Current.CancellationToken);
        }
        catch (SocketException)
        {
            // The connection was cut.
        }

        Assert.Contains("longer than", Assert.IsType<FetchOutcome.Failed>(await fetch).Reason, StringComparison.Ordinal);
        Assert.True(sent < 32L << 20, $"{sent} bytes were sent.");
    }

    [Fact]
    public async Task What_is_compressed_is_not_unpacked()
    {
        using var bomb = new MemoryStream();
        await using (var gzip = new GZipStream(bomb, CompressionLevel.SmallestSize, leaveOpen: true)) await gzip.WriteAsync(new byte[4 << 20], TestContext.Current.CancellationToken);
        string? accepted = null;
        _host.Paths["/a.json"] = async context =>
        {
            accepted = context.Request.Headers.AcceptEncoding;
            context.Response.ContentType = "application/json";
            context.Response.Headers.ContentEncoding = "gzip";
            await context.Response.Body.WriteAsync(bomb.ToArray());
        };
        Assert.Contains("compressed", Assert.IsType<FetchOutcome.Failed>(await FetchAsync(_host.Url("/a.json"))).Reason, StringComparison.Ordinal);
        Assert.Equal("", accepted ?? "");
    }

    /// <summary>One byte now and then never ends by itself; the deadline is for all of it together.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")]
    public async Task A_slow_host_has_five_seconds_in_all(string beginning)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var fetch = FetchAsync($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/a.json");
        using var connection = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var stream = connection.GetStream();
        await stream.ReadAtLeastAsync(new byte[16], 16, cancellationToken: TestContext.Current.CancellationToken);
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(beginning), TestContext.Current.CancellationToken);
        _clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(fetch.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Contains("within 5 seconds", Assert.IsType<FetchOutcome.Failed>(await fetch).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_service_that_hangs_has_five_seconds_too()
    {
        var asked = new TaskCompletionSource();
        using var fetcher = new DocumentFetcher(new ServerOptions { Issuer = "https://id.example.com" }, _clock, async (_, cancellation) =>
        {
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
            return [];
        });
        var fetch = fetcher.FetchAsync("https://slow.example.com/", Reach.Public, FetchRules.MetadataDocument, TestContext.Current.CancellationToken);
        await asked.Task;
        _clock.Advance(TimeSpan.FromSeconds(5.1));
        Assert.IsType<FetchOutcome.Failed>(await fetch);
    }

    [Fact]
    public async Task Headers_without_end_are_not_read()
    {
        _host.Paths["/a.json"] = async context =>
        {
            context.Response.ContentType = "application/json";
            for (var i = 0; i < 20; i++) context.Response.Headers[$"x-{i}"] = new string('a', 1000);
            await context.Response.WriteAsync("{}");
        };
        Assert.IsType<FetchOutcome.Failed>(await FetchAsync(_host.Url("/a.json")));
    }

    [Fact]
    public async Task The_server_does_not_ask_itself()
    {
        Assert.Contains("own", Assert.IsType<FetchOutcome.Failed>(await PublicAsync("https://id.example.com/authorize?client_id=x")).Reason, StringComparison.Ordinal);
        Assert.Contains("own", Assert.IsType<FetchOutcome.Failed>(await PublicAsync("https://ID.example.com:443/a")).Reason, StringComparison.Ordinal);
        Assert.Empty(_resolved);
    }

    /// <summary>What fails is counted, what succeeds is not: a host that answers well can be asked without end, one that does not is left alone.</summary>
    [Fact]
    public async Task A_host_that_fails_is_left_alone_for_a_while()
    {
        _host.Put("/good.json", "{}");
        for (var i = 0; i < 70; i++) Assert.IsType<FetchOutcome.Document>(await FetchAsync(_host.Url("/good.json")));
        for (var i = 0; i < 70; i++) Assert.IsType<FetchOutcome.Failed>(await FetchAsync(_host.Url($"/{i}.json")));
        Assert.Equal(60, _host.Asked.Count(path => path != "/good.json"));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.IsType<FetchOutcome.Document>(await FetchAsync(_host.Url("/good.json")));
    }

    /// <summary>Any number of names for one address are one address: nobody is flooded through names that somebody else gives them.</summary>
    [Fact]
    public async Task An_address_that_fails_is_left_alone_under_all_its_names()
    {
        using var fetcher = new DocumentFetcher(new ServerOptions { Issuer = "https://id.example.com" }, _clock, (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]));
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        var reasons = new List<string>();
        for (var i = 0; i < 310; i++)
        {
            reasons.Add(Assert.IsType<FetchOutcome.Failed>(await fetcher.FetchAsync(
                $"https://n{i}.example.com:{port}/", Reach.Declared, FetchRules.MetadataDocument, TestContext.Current.CancellationToken)).Reason);
        }

        Assert.Equal(300, reasons.Count(reason => !reason.Contains("no host", StringComparison.Ordinal)));
    }

    /// <summary>A proxy would look the name up once more, and go where it likes.</summary>
    [Theory, InlineData("Public"), InlineData("PublicOrLoopback"), InlineData("Declared")]
    public void No_proxy_of_the_environment_is_asked(string reach)
    {
        using var handler = GuardedConnections.CreateHandler(Enum.Parse<Reach>(reach), GuardedConnections.ResolveBySystemAsync);
        Assert.False(handler.UseProxy);
    }

    [Fact]
    public async Task No_cookie_is_kept()
    {
        var cookies = new List<string>();
        _host.Paths["/a.json"] = async context =>
        {
            cookies.Add(context.Request.Headers.Cookie.ToString());
            context.Response.Headers.SetCookie = "a=b; Path=/";
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync("{}");
        };
        await FetchAsync(_host.Url("/a.json"));
        await FetchAsync(_host.Url("/a.json"));
        Assert.Equal(["", ""], cookies);
    }

    private Task<FetchOutcome> FetchAsync(string url) =>
        _fetcher.FetchAsync(url, Reach.PublicOrLoopback, FetchRules.MetadataDocument, TestContext.Current.CancellationToken);

    private Task<FetchOutcome> PublicAsync(string url) =>
        _fetcher.FetchAsync(url, Reach.Public, FetchRules.MetadataDocument, TestContext.Current.CancellationToken);
}

/// <summary>The site of all tests of a class.</summary>
public sealed class DocumentHostFixture : IAsyncLifetime
{
    public DocumentHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await DocumentHost.StartAsync();

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
