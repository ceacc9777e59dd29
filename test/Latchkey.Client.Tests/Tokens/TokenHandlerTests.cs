using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Latchkey.Client.Tokens;
using Latchkey.Protocol;

namespace Latchkey.Client.Tests.Tokens;

public sealed class TokenHandlerTests : IDisposable
{
    private readonly ScriptedProvider _provider = new();

    public void Dispose() => _provider.Dispose();

    public static TheoryData<string, bool> Contents => new()
    {
        { "none", true }, { "text", true }, { "bytes", true }, { "form", true }, { "json", true }, { "memory", true }, { "multipart", true },
        { "short stream", true }, { "long stream", false }, { "endless stream", false },
    };

    [Fact, Spec("RFC 6750", "2.1"), Check("C22")]
    public async Task Every_request_carries_the_token()
    {
        using var api = new ScriptedApi();
        using var http = Http(api);
        for (var i = 0; i < 5; i++) await http.GetAsync("things");
        Assert.Equal(Enumerable.Repeat("Bearer access-1", 5), api.Calls.Select(call => call.Authorization));
        Assert.Single(_provider.TokenRequests);
    }

    [Theory, MemberData(nameof(Contents)), Check("C19")]
    public async Task A_refused_request_is_sent_again_once_if_its_content_can_be(string kind, bool again)
    {
        using var api = ScriptedApi.Refusing("access-1");
        using var http = Http(api);
        using var request = new HttpRequestMessage(HttpMethod.Post, "things") { Content = Content(kind) };
        using var answer = await http.SendAsync(request);
        Assert.Equal(again ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(again ? ["Bearer access-1", "Bearer access-2"] : ["Bearer access-1"], api.Calls.Select(call => call.Authorization));
        Assert.Single(api.Calls.Select(call => kind == "multipart" ? call.Body.Length.ToString() : call.Body).Distinct());

        // Whether or not it could be sent again, the next has the new token.
        using var next = await http.GetAsync("things");
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
        Assert.Equal(2, _provider.TokenRequests.Count);
    }

    [Fact, Check("C19")]
    public async Task A_second_refusal_stands_and_ten_refusals_do_not_fetch_ten_tokens()
    {
        using var api = new ScriptedApi(HttpStatusCode.Unauthorized);
        using var http = Http(api);
        for (var i = 0; i < 10; i++) Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("things")).StatusCode);
        Assert.Equal(2, _provider.TokenRequests.Count);
        Assert.Equal(11, api.Calls.Count);
    }

    [Fact, Check("C19")]
    public async Task Many_calls_that_are_refused_at_once_cause_one_renewal()
    {
        using var api = ScriptedApi.Refusing("access-1");
        using var http = Http(api);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => http.GetAsync("things"))));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Equal(2, _provider.TokenRequests.Count);
    }

    [Fact]
    public async Task Without_a_token_nothing_is_sent()
    {
        _provider.Fails("invalid_scope");
        using var api = new ScriptedApi();
        using var http = Http(api);
        var failure = await Assert.ThrowsAsync<TokenUnavailableException>(() => http.GetAsync("things"));
        Assert.Equal("invalid_scope", failure.Error);
        Assert.Empty(api.Calls);
    }

    [Fact]
    public async Task A_renewal_that_fails_fails_the_call_with_the_code()
    {
        using var api = ScriptedApi.Refusing("access-1");
        using var http = Http(api);
        await http.GetAsync("things");
        _provider.Fails("unauthorized_client");
        _provider.Clock.Advance(TimeSpan.FromMinutes(1));
        using var strict = new ScriptedApi(HttpStatusCode.Unauthorized);
        using var other = Http(strict);
        Assert.Equal("unauthorized_client", (await Assert.ThrowsAsync<TokenUnavailableException>(() => other.GetAsync("things"))).Error);
    }

    [Fact]
    public void A_synchronous_request_does_not_go_out_without_a_token()
    {
        using var api = new ScriptedApi();
        using var http = Http(api);
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://api.test/");
        Assert.Throws<NotSupportedException>(() => http.Send(request));
        Assert.Empty(api.Calls);
    }

    [Theory, Spec("OAuth 2.1", "1.5"), Check("C26")]
    [InlineData("http://api.test/", false, false)]
    [InlineData("http://10.0.0.1/", false, false)]
    [InlineData("http://api.test/", true, true)]
    [InlineData("http://127.0.0.1:5000/", false, true)]
    [InlineData("http://localhost/", false, true)]
    [InlineData("https://api.test/", false, true)]
    public async Task Tokens_go_over_plain_http_to_this_machine_only(string url, bool allowed, bool sent)
    {
        using var api = new ScriptedApi();
        var client = _provider.Client();
        using var http = api.Client(new MachineTokens(client, _provider.Clock), client, allowed);
        if (sent) await http.GetAsync(url);
        else Assert.Equal("LK-CLIENT-API-PLAIN-HTTP", (await Assert.ThrowsAsync<TokenUnavailableException>(() => http.GetAsync(url))).Refusal?.Code);
        Assert.Equal(sent ? 1 : 0, api.Calls.Count);
    }

    [Fact, Spec("RFC 9470", "4")]
    public async Task A_demand_for_a_stronger_sign_in_is_not_met_by_another_token()
    {
        using var api = new ScriptedApi(_ =>
        {
            var answer = new HttpResponseMessage(HttpStatusCode.Unauthorized);
            answer.Headers.WwwAuthenticate.ParseAdd("Bearer error=\"insufficient_user_authentication\", max_age=60");
            return answer;
        });
        using var http = Http(api);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("things")).StatusCode);
        Assert.Single(api.Calls);
        Assert.Single(_provider.TokenRequests);
    }

    [Fact]
    public async Task An_outer_handler_that_sends_again_gets_the_token_of_that_moment()
    {
        using var api = new ScriptedApi();
        var client = _provider.Client();
        using var handler = new TokenHandler(new MachineTokens(client, _provider.Clock), client) { InnerHandler = api };
        using var invoker = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://api.test/");
        await invoker.SendAsync(request, default);
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        await invoker.SendAsync(request, default);
        Assert.Equal(["Bearer access-1", "Bearer access-2"], api.Calls.Select(call => call.Authorization));
    }

    [Fact]
    public async Task Each_request_can_choose_its_source()
    {
        using var api = new ScriptedApi();
        var client = _provider.Client();
        var tokens = new MachineTokens(client, _provider.Clock);
        using var http = new HttpClient(new TokenHandler((request, _) => new(tokens.For(request.RequestUri!.AbsolutePath[1..])), client) { InnerHandler = api });
        await http.GetAsync("https://api.test/one");
        await http.GetAsync("https://api.test/two");
        Assert.Equal(["one", "two"], _provider.TokenRequests.Select(request => request["scope"]));
    }

    [Fact, Check("C23"), Spec("RFC 9449", "7.1")]
    public async Task A_bound_token_goes_with_a_fresh_proof_for_each_request_and_a_nonce_is_learnt()
    {
        _provider.Answer = (_, _) => Task.FromResult(_provider.Token("\"expires_in\":3600", "DPoP"));
        using var client = _provider.Client(options => options.UseDPoP());
        using var api = new ScriptedApi(request =>
        {
            var nonce = Claims(request.Headers.GetValues("DPoP").Single()).TryGetProperty("nonce", out var value) ? value.GetString() : null;
            var answer = new HttpResponseMessage(nonce == "nonce-1" ? HttpStatusCode.OK : HttpStatusCode.Unauthorized);
            if (nonce != "nonce-1") answer.Headers.WwwAuthenticate.ParseAdd("DPoP error=\"use_dpop_nonce\"");
            if (nonce != "nonce-1") answer.Headers.Add("DPoP-Nonce", "nonce-1");
            return answer;
        });
        using var http = api.Client(new MachineTokens(client, _provider.Clock), client);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("things?page=2")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.PostAsync("others", new StringContent("x"))).StatusCode);

        // One demand, and then the nonce is known; the token was never renewed for it.
        Assert.Equal(3, api.Calls.Count);
        Assert.Single(_provider.TokenRequests);
        Assert.All(api.Calls, call => Assert.Equal("DPoP access-1", call.Authorization));
        var proofs = api.Calls.Select(call => Claims(call.Proof!)).ToList();
        Assert.Equal(3, proofs.Select(proof => proof.GetProperty("jti").GetString()).Distinct().Count());
        Assert.Equal(["GET https://api.test/things", "GET https://api.test/things", "POST https://api.test/others"],
            proofs.Select(proof => $"{proof.GetProperty("htm")} {proof.GetProperty("htu")}"));
        Assert.All(proofs, proof => Assert.Equal(DPoPProof.Hash("access-1"), proof.GetProperty("ath").GetString()));
    }

    [Fact, Check("C23")]
    public async Task An_api_that_demands_a_nonce_again_and_again_is_not_followed_for_ever()
    {
        _provider.Answer = (_, _) => Task.FromResult(_provider.Token("\"expires_in\":3600", "DPoP"));
        using var client = _provider.Client(options => options.UseDPoP());
        var number = 0;
        using var api = new ScriptedApi(_ =>
        {
            var answer = new HttpResponseMessage(HttpStatusCode.Unauthorized);
            answer.Headers.WwwAuthenticate.ParseAdd("DPoP error=\"use_dpop_nonce\"");
            answer.Headers.Add("DPoP-Nonce", $"nonce-{++number}");
            return answer;
        });
        using var http = api.Client(new MachineTokens(client, _provider.Clock), client);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("things")).StatusCode);
        Assert.InRange(api.Calls.Count, 2, 4);

        // What can't be sent again is not.
        var before = api.Calls.Count;
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.PostAsync("things", Content("endless stream"))).StatusCode);
        Assert.Equal(before + 1, api.Calls.Count);
    }

    [Fact]
    public async Task A_bound_token_is_not_sent_without_its_key()
    {
        using var client = _provider.Client();
        var bound = new FixedSource(new() { Value = "bound", Type = "DPoP", KeyThumbprint = "another" });
        using var api = new ScriptedApi();
        using var http = api.Client(bound, client);
        Assert.Equal("LK-CLIENT-DPOP-KEY-GONE", (await Assert.ThrowsAsync<TokenUnavailableException>(() => http.GetAsync("things"))).Refusal?.Code);
        Assert.Empty(api.Calls);
    }

    private HttpClient Http(ScriptedApi api)
    {
        var client = _provider.Client();
        return api.Client(new MachineTokens(client, _provider.Clock), client);
    }

    private static JsonElement Claims(string proof) => JsonElement.Parse(System.Buffers.Text.Base64Url.DecodeFromUtf8(Encoding.UTF8.GetBytes(proof.Split('.')[1])));

    private static HttpContent? Content(string kind) => kind switch
    {
        "none" => null,
        "text" => new StringContent("some text"),
        "bytes" => new ByteArrayContent([1, 2, 3]),
        "form" => new FormUrlEncodedContent([new("a", "b")]),
        "json" => JsonContent.Create(new { a = 1 }),
        "memory" => new ReadOnlyMemoryContent(new byte[] { 1, 2, 3 }),
        "multipart" => new MultipartFormDataContent { { new StringContent("part"), "name" } },
        "short stream" => WithLength(new StreamContent(new OnceStream(1000)), 1000),
        "long stream" => WithLength(new StreamContent(new OnceStream(1024 * 1024 + 1)), 1024 * 1024 + 1),
        _ => new StreamContent(new OnceStream(1000)),
    };

    private static StreamContent WithLength(StreamContent content, long length)
    {
        content.Headers.ContentLength = length;
        return content;
    }

    private sealed class FixedSource(AccessToken token) : ITokenSource
    {
        public ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken = default) => new(token);

        public ValueTask<AccessToken> RenewAsync(AccessToken refused, CancellationToken cancellationToken = default) => new(token);
    }

    /// <summary>A stream that can be read once, like that of an upload.</summary>
    private sealed class OnceStream(int length) : Stream
    {
        private int _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = Math.Min(count, _left);
            buffer.AsSpan(offset, read).Fill((byte)'x');
            _left -= read;
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
