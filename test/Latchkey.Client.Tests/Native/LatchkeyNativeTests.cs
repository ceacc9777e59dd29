using System.Net;
using System.Net.Sockets;
using System.Text;
using Latchkey.Client.Native;
using Latchkey.Client.Tests.Tokens;
using Latchkey.Protocol;

namespace Latchkey.Client.Tests.Native;

public sealed class LatchkeyNativeTests : IDisposable
{
    private readonly ScriptedProvider _provider = new();

    public void Dispose() => _provider.Dispose();

    [Theory, Check("C24"), Spec("RFC 8252", "7.3")]
    [InlineData(false, "http://127.0.0.1:", "/callback")]
    [InlineData(true, "http://[::1]:", "/signed-in")]
    public async Task The_browser_comes_back_to_a_free_loopback_port_and_the_listener_is_closed_after(bool useIPv6, string start, string path)
    {
        string? redirect = null, page = null;
        var tokens = await LatchkeyNative.SignInAsync(_provider.Native(), new()
        {
            UseIPv6 = useIPv6,
            LoopbackPath = path,
            OpenBrowser = (url, _) => Later(async () => page = await (await ComeBackAsync(url, redirected => redirect = redirected)).Content.ReadAsStringAsync()),
        });
        Assert.Equal("access-1", tokens.AccessToken.Value);
        Assert.StartsWith(start, redirect, StringComparison.Ordinal);
        Assert.EndsWith(path, redirect, StringComparison.Ordinal);
        Assert.Equal(redirect, _provider.TokenRequests.Single()["redirect_uri"]);
        await Eventually.HoldsAsync("the page is there", () => page is not null);
        Assert.Contains("You are signed in", page, StringComparison.Ordinal);
        await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(redirect!));
    }

    [Fact, Check("C24"), Spec("RFC 8252", "8.3")]
    public async Task Nobody_is_listening_any_more_when_the_code_is_redeemed()
    {
        string? redirect = null;
        _provider.Answer = async (_, _) =>
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(redirect!));
            return _provider.Token();
        };
        await LatchkeyNative.SignInAsync(_provider.Native(), new() { OpenBrowser = (url, _) => Later(() => ComeBackAsync(url, redirected => redirect = redirected)) });
        Assert.NotNull(redirect);
    }

    [Fact, Check("C24")]
    public async Task Each_sign_in_has_a_port_and_a_verifier_of_its_own()
    {
        var redirects = new List<string>();
        for (var i = 0; i < 2; i++) await LatchkeyNative.SignInAsync(_provider.Native(), new() { OpenBrowser = (url, _) => Later(() => ComeBackAsync(url, redirects.Add)) });
        Assert.Equal(2, redirects.Distinct().Count());
        Assert.Equal(2, _provider.TokenRequests.Select(request => request["code_verifier"]).Distinct().Count());
    }

    [Theory, Check("C24")]
    [InlineData("GET /callback?code=stolen&state=wrong HTTP/1.1\r\nHost: {0}\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /callback?code=stolen HTTP/1.1\r\nHost: {0}\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /callback?error=access_denied&state=wrong HTTP/1.1\r\nHost: {0}\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /favicon.ico HTTP/1.1\r\nHost: {0}\r\n\r\n", "404 Not Found")]
    [InlineData("GET /callback/../callback?state={1} HTTP/1.1\r\nHost: {0}\r\n\r\n", "404 Not Found")]
    [InlineData("GET /CALLBACK?state={1} HTTP/1.1\r\nHost: {0}\r\n\r\n", "404 Not Found")]
    [InlineData("POST /callback?code=c&state={1} HTTP/1.1\r\nHost: {0}\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed")]
    [InlineData("HEAD /callback?code=c&state={1} HTTP/1.1\r\nHost: {0}\r\n\r\n", "405 Method Not Allowed")]
    [InlineData("GET /callback?code=c&state={1} HTTP/1.1\r\nHost: evil.example\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /callback?code=c&state={1} HTTP/1.1\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /callback?code=c&state={1} HTTP/1.1\r\nHost: {0}\r\nHost: {0}\r\n\r\n", "400 Bad Request")]
    [InlineData("nonsense\r\n\r\n", "400 Bad Request")]
    [InlineData("", null)]
    public async Task What_is_not_the_answer_is_turned_away_and_does_not_end_the_wait(string request, string? status)
    {
        string? answered = null;
        var tokens = await LatchkeyNative.SignInAsync(_provider.Native(), new()
        {
            OpenBrowser = (url, _) => Later(async () =>
            {
                var query = Parameters.Parse(url.Query);
                var redirect = new Uri(query["redirect_uri"]!);
                answered = await RawAsync(redirect.Port, string.Format(request, redirect.Authority, query["state"]));
                await ComeBackAsync(url);
            }),
        });
        Assert.Equal("access-1", tokens.AccessToken.Value);
        if (status is not null) Assert.StartsWith("HTTP/1.1 " + status, answered, StringComparison.Ordinal);
        Assert.Equal("the-code", _provider.TokenRequests.Single()["code"]);
    }

    [Fact, Check("C24")]
    public async Task A_request_that_never_ends_or_is_endless_does_not_block_the_answer()
    {
        var open = new List<TcpClient>();
        var tokens = await LatchkeyNative.SignInAsync(_provider.Native(), new()
        {
            OpenBrowser = (url, _) => Later(async () =>
            {
                var port = new Uri(Parameters.Parse(url.Query)["redirect_uri"]!).Port;
                for (var i = 0; i < 5; i++)
                {
                    // As browsers do: a connection on suspicion, without a word.
                    var idle = new TcpClient();
                    await idle.ConnectAsync(IPAddress.Loopback, port);
                    open.Add(idle);
                }

                var answer = await RawAsync(port, $"GET /callback?{new string('x', 40_000)}");
                Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
                await ComeBackAsync(url);
            }),
        });
        Assert.Equal("access-1", tokens.AccessToken.Value);
        open.ForEach(idle => idle.Dispose());
    }

    [Fact]
    public async Task A_no_of_the_person_is_told_and_the_page_says_so()
    {
        string? page = null;
        var refused = await Assert.ThrowsAsync<OAuthException>(() => LatchkeyNative.SignInAsync(_provider.Native(), new()
        {
            OpenBrowser = (url, _) => Later(async () =>
            {
                using var answer = await ComeBackAsync(url, answer: "error=access_denied");
                page = await answer.Content.ReadAsStringAsync();
            }),
        }));
        Assert.Equal("access_denied", refused.Error);
        await Eventually.HoldsAsync("the page is there", () => page is not null);
        Assert.Contains("Sign-in did not work", page, StringComparison.Ordinal);
        Assert.Empty(_provider.TokenRequests);
    }

    [Fact, Check("C4"), Spec("RFC 9207", "2.4")]
    public async Task The_answer_of_another_issuer_is_refused()
    {
        await Assert.ThrowsAsync<OAuthException>(() => LatchkeyNative.SignInAsync(_provider.Native(), new()
        {
            OpenBrowser = (url, _) => Later(() => ComeBackAsync(url, answer: "code=the-code", issuer: "https://other.test")),
        }));
        Assert.Empty(_provider.TokenRequests);
    }

    [Fact]
    public async Task The_page_loads_nothing_is_not_kept_and_tells_nobody_the_address()
    {
        HttpResponseMessage? answer = null;
        await LatchkeyNative.SignInAsync(_provider.Native(), new() { OpenBrowser = (url, _) => Later(async () => answer = await ComeBackAsync(url)) });
        await Eventually.HoldsAsync("the page is there", () => answer is not null);
        Assert.Equal("no-store", answer!.Headers.CacheControl?.ToString());
        Assert.Equal("no-referrer", answer.Headers.GetValues("Referrer-Policy").Single());
        Assert.StartsWith("default-src 'none'; style-src 'sha256-", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        var page = await answer.Content.ReadAsStringAsync();
        Assert.Contains("color-scheme:light dark", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_is_waited_for_for_ever()
    {
        string? redirect = null;
        var waiting = LatchkeyNative.SignInAsync(_provider.Native(), new() { Timeout = TimeSpan.FromMinutes(5), OpenBrowser = (url, _) => Opened(redirect = Parameters.Parse(url.Query)["redirect_uri"]) });
        await Eventually.HoldsAsync("the browser is open", () => redirect is not null);
        _provider.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("LK-CLIENT-NATIVE-TIMEOUT", (await Assert.ThrowsAsync<OAuthException>(() => waiting)).Refusal?.Code);
        await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(redirect!));
    }

    [Fact]
    public async Task The_person_can_give_up()
    {
        string? redirect = null;
        using var cancel = new CancellationTokenSource();
        var waiting = LatchkeyNative.SignInAsync(_provider.Native(), new() { OpenBrowser = (url, _) => Opened(redirect = Parameters.Parse(url.Query)["redirect_uri"]) }, cancel.Token);
        await Eventually.HoldsAsync("the browser is open", () => redirect is not null);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(redirect!));
    }

    [Theory, Spec("RFC 8252", "7.1"), Spec("RFC 8252", "7.2")]
    [InlineData("com.example.app:/callback")]
    [InlineData("https://app.example.com/signed-in")]
    public async Task A_mobile_app_brings_the_platforms_own_session(string redirect)
    {
        var tokens = await LatchkeyNative.SignInAsync(_provider.Native(options => options.RedirectUri = redirect), new()
        {
            Authenticate = (url, back, _) =>
            {
                Assert.Equal(redirect, back.OriginalString);
                return Task.FromResult(new Uri($"{redirect}?code=the-code&state={Parameters.Parse(url.Query)["state"]}&iss={Uri.EscapeDataString(ScriptedProvider.Issuer)}"));
            },
        });
        Assert.Equal("access-1", tokens.AccessToken.Value);
    }

    [Theory, Spec("RFC 8252", "8.10")]
    [InlineData("com.example.other:/callback?code=c")]
    [InlineData("com.example.app:/other?code=c")]
    [InlineData("https://app.example.com/callback?code=c")]
    public async Task What_came_back_elsewhere_is_refused(string callback)
    {
        var refused = await Assert.ThrowsAsync<OAuthException>(() => LatchkeyNative.SignInAsync(
            _provider.Native(options => options.RedirectUri = "com.example.app:/callback"), new() { Authenticate = (_, _, _) => Task.FromResult(new Uri(callback)) }));
        Assert.Equal("LK-CLIENT-NATIVE-REDIRECT", refused.Refusal?.Code);
    }

    [Theory]
    [InlineData("callback")]
    [InlineData("/callback?x=1")]
    [InlineData("/call back")]
    [InlineData("/callback#here")]
    public async Task A_path_that_is_none_is_refused(string path) =>
        await Assert.ThrowsAsync<ArgumentException>(() => LatchkeyNative.SignInAsync(_provider.Native(), new() { LoopbackPath = path, OpenBrowser = (_, _) => Task.CompletedTask }));

    private static Task Opened(string? _) => Task.CompletedTask;

    // The browser is another program: the sign-in does not wait for it.
    private static Task Later(Func<Task> browser)
    {
        _ = Task.Run(browser);
        return Task.CompletedTask;
    }

    private static async Task<HttpResponseMessage> ComeBackAsync(Uri url, Action<string>? redirected = null, string answer = "code=the-code", string issuer = ScriptedProvider.Issuer)
    {
        var query = Parameters.Parse(url.Query);
        redirected?.Invoke(query["redirect_uri"]!);
        return await GetAsync($"{query["redirect_uri"]}?{answer}&state={query["state"]}&iss={Uri.EscapeDataString(issuer)}");
    }

    private static async Task<HttpResponseMessage> GetAsync(string url)
    {
        using var http = new HttpClient();
        return await http.GetAsync(url);
    }

    private static async Task<string> RawAsync(int port, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
            client.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream);
            return await reader.ReadToEndAsync();
        }
        catch (IOException)
        {
            // Turned away before all of it was read.
            return "HTTP/1.1 400 (connection closed)";
        }
    }
}
