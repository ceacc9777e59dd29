using System.Buffers.Text;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Testing;
using Latchkey.Testing.Tokens;

namespace Latchkey.ResourceServer.Tests.TokenStatus;

/// <summary>A token that was revoked is refused by the list that it names, and nothing that answers in the list's place is believed.</summary>
[Spec("draft-ietf-oauth-status-list", "8.3")]
public sealed class StatusListTests
{
    private const string List = "https://lists.test/7";

    [Fact, Spec("RFC 7009", "3"), Check("R17")]
    public async Task A_revoked_token_of_the_real_server_is_refused_within_fifteen_seconds()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var api = await GuardedApi.StartAsync(authority);
        using var client = authority.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Ready.Machine.ClientId}:{Ready.Machine.Secret}")));
        var (token, neighbour) = (await TokenAsync(client), await TokenAsync(client));

        for (var i = 0; i < 20; i++) (await api.BearerAsync(token)).IsAccepted();
        (await api.BearerAsync(neighbour)).IsAccepted();
        Assert.Equal(1, Readings(api));
        using var revoked = await client.PostAsync("revoke", new FormUrlEncodedContent(new Dictionary<string, string> { ["token"] = token }));
        Assert.Equal(HttpStatusCode.OK, revoked.StatusCode);
        authority.Advance(TimeSpan.FromSeconds(15));
        (await api.BearerAsync(token)).IsRefused("LK-RS-REVOKED");
        (await api.BearerAsync(neighbour)).IsAccepted();
        Assert.Equal(2, Readings(api));
    }

    [Fact]
    public async Task A_list_that_is_half_as_old_as_it_may_be_is_read_again_while_nobody_waits()
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority);
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        var token = Token(authority, 3);
        (await api.BearerAsync(token)).IsAccepted();
        authority.Advance(TimeSpan.FromSeconds(14));
        lists.Hold = new();
        (await api.BearerAsync(token)).IsAccepted();
        (await api.BearerAsync(token)).IsAccepted();
        lists.Revoked = [3];
        lists.Hold.SetResult();
        await Eventually.HoldsAsync("the list was read again", async () => (await api.BearerAsync(token)).Status == 401);
        Assert.Equal(2, lists.Readings);
    }

    [Fact, Spec("draft-ietf-oauth-status-list", "8.1")]
    public async Task One_reading_serves_all_who_wait_and_an_unchanged_list_is_not_sent_again()
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority) { Hold = new() };
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        var tokens = Enumerable.Range(0, 50).Select(index => Token(authority, index)).ToList();
        var calls = tokens.Select(token => api.BearerAsync(token)).ToList();
        lists.Hold.SetResult();
        foreach (var answer in await Task.WhenAll(calls)) answer.IsAccepted();
        Assert.Equal(1, lists.Readings);
        authority.Advance(TimeSpan.FromSeconds(16));
        (await api.BearerAsync(tokens[0])).IsAccepted();
        Assert.Equal((2, 1), (lists.Readings, lists.Unchanged));
    }

    [Fact]
    public async Task While_the_list_is_away_its_last_copy_counts_for_five_minutes_and_then_nothing_is_let_through()
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority) { Revoked = [4] };
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        var (good, bad) = (Token(authority, 3), Token(authority, 4));
        (await api.BearerAsync(good)).IsAccepted();
        lists.Answer = _ => new HttpResponseMessage(HttpStatusCode.BadGateway);
        authority.Advance(TimeSpan.FromSeconds(5 * 60));
        (await api.BearerAsync(good)).IsAccepted();
        (await api.BearerAsync(bad)).IsRefused("LK-RS-REVOKED");
        authority.Advance(TimeSpan.FromSeconds(16));
        Assert.Equal(503, (await api.BearerAsync(good)).Status);
        lists.Answer = null;
        authority.Advance(TimeSpan.FromSeconds(2));
        (await api.BearerAsync(good)).IsAccepted();
    }

    [Theory]
    [InlineData("an error"), InlineData("a page"), InlineData("another type"), InlineData("another sub"), InlineData("another issuer"), InlineData("a forged signature")]
    [InlineData("an expired one"), InlineData("no list"), InlineData("3 bits"), InlineData("no zlib"), InlineData("a bomb"), InlineData("a redirect")]
    public async Task What_is_no_list_of_the_issuer_is_not_believed(string kind)
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority);
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        lists.Answer = list => kind switch
        {
            "an error" => new HttpResponseMessage(HttpStatusCode.NotFound),
            "a page" => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("<html>", Encoding.UTF8, "text/html") },
            "another type" => Lists.Message(list.Header("typ", "at+jwt")),
            "another sub" => Lists.Message(list.Claim("sub", "https://lists.test/8")),
            "another issuer" => Lists.Message(list.Claim("iss", "https://other.test")),
            "a forged signature" => Lists.Message(list.TamperedSignature()),
            "an expired one" => Lists.Message(list.Claim("exp", authority.Clock.GetUtcNow().ToUnixTimeSeconds() - 60)),
            "no list" => Lists.Message(list.Claim("status_list", null)),
            "3 bits" => Lists.Message(list.Claim("status_list", new JsonObject { ["bits"] = 3, ["lst"] = Lists.Pack(new byte[16]) })),
            "no zlib" => Lists.Message(list.Claim("status_list", new JsonObject { ["bits"] = 1, ["lst"] = "AAAA" })),
            "a bomb" => Lists.Message(list.Claim("status_list", new JsonObject { ["bits"] = 1, ["lst"] = Lists.Pack(new byte[64 * 1024 * 1024]) })),
            _ => new HttpResponseMessage(HttpStatusCode.Redirect) { Headers = { Location = new Uri("https://lists.test/8") } },
        };
        var answer = await api.BearerAsync(Token(authority, 3));
        Assert.Equal(503, answer.Status);
        Assert.Contains(api.Log, line => line.Contains("LK-RS-STATUS-", StringComparison.Ordinal) || line.Contains("LK-PROVIDER-", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"status_list":{"idx":131072,"uri":"https://lists.test/7"}}""", "LK-RS-STATUS-INDEX")]
    [InlineData("""{"status_list":{"idx":-1,"uri":"https://lists.test/7"}}""", "LK-RS-STATUS-REFERENCE")]
    [InlineData("""{"status_list":{"idx":"3","uri":"https://lists.test/7"}}""", "LK-RS-STATUS-REFERENCE")]
    [InlineData("""{"status_list":{"idx":3,"uri":"http://lists.test/7"}}""", "LK-RS-STATUS-REFERENCE")]
    [InlineData("""{"status_list":{"idx":3}}""", "LK-RS-STATUS-REFERENCE")]
    [InlineData("""{"status_list":7}""", "LK-RS-STATUS-REFERENCE")]
    [InlineData("\"good\"", "LK-RS-STATUS-REFERENCE")]
    [Spec("draft-ietf-oauth-status-list", "6.1")]
    public async Task A_status_that_can_not_be_looked_up_is_refused(string status, string code)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var api = await GuardedApi.StartAsync(authority, provider: new Lists(authority));
        (await api.BearerAsync(authority.Token().Claim("status", JsonNode.Parse(status)))).IsRefused(code);
    }

    [Fact]
    public async Task Another_mechanism_than_a_list_is_none_of_the_guards()
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority);
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        (await api.BearerAsync(authority.Token().Claim("status", new JsonObject { ["other"] = "x" }))).IsAccepted();
        Assert.Equal(0, lists.Readings);
    }

    [Theory, InlineData(2), InlineData(4), InlineData(8), Spec("draft-ietf-oauth-status-list", "4.1")]
    public async Task Wider_statuses_are_read_and_any_but_valid_is_refused(int bits)
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority);
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        var statuses = new byte[16];
        // The entry 5 is suspended (2); its neighbours are valid.
        statuses[5 * bits / 8] = (byte)(2 << (5 * bits % 8));
        lists.Answer = list => Lists.Message(list.Claim("status_list", new JsonObject { ["bits"] = bits, ["lst"] = Lists.Pack(statuses) }));
        (await api.BearerAsync(Token(authority, 4))).IsAccepted();
        (await api.BearerAsync(Token(authority, 5))).IsRefused("LK-RS-REVOKED");
        (await api.BearerAsync(Token(authority, 6))).IsAccepted();
    }

    [Fact]
    public async Task The_older_tokens_of_a_whole_client_can_be_revoked()
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority);
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        var now = authority.Clock.GetUtcNow().ToUnixTimeSeconds();
        lists.Answer = list => Lists.Message(list.Claim("revoked_before", new JsonObject { ["gone"] = now, ["old"] = now - 1 }));
        (await api.BearerAsync(Token(authority, 1).Client("gone").Claim("iat", now - 1))).IsRefused("LK-RS-REVOKED");
        (await api.BearerAsync(Token(authority, 2).Client("gone").Claim("iat", now))).IsAccepted();
        (await api.BearerAsync(Token(authority, 3).Client("old").Claim("iat", now - 1))).IsAccepted();
    }

    [Fact]
    public async Task The_older_tokens_of_everybody_can_be_revoked()
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority);
        await using var api = await GuardedApi.StartAsync(authority, provider: lists);
        var now = authority.Clock.GetUtcNow().ToUnixTimeSeconds();
        lists.Answer = list => Lists.Message(list.Claim("revoked_before", new JsonObject { [""] = now, ["old"] = now - 1 }));
        (await api.BearerAsync(Token(authority, 1).Client("any").Claim("iat", now - 1))).IsRefused("LK-RS-REVOKED");
        (await api.BearerAsync(Token(authority, 2).Client("old").Claim("iat", now - 1))).IsRefused("LK-RS-REVOKED");
        (await api.BearerAsync(Token(authority, 3).Client("any").Claim("iat", now))).IsAccepted();
    }

    [Fact]
    public async Task No_more_lists_are_kept_than_may_be()
    {
        await using var authority = await TestAuthority.StartAsync();
        var lists = new Lists(authority);
        await using var api = await GuardedApi.StartAsync(authority, options => options.StatusLists.Capacity = 4, lists);
        for (var round = 0; round < 2; round++)
        {
            for (var list = 0; list < 8; list++)
            {
                authority.Advance(TimeSpan.FromMilliseconds(1));
                (await api.BearerAsync(authority.Token().Claim("status", Reference(3, $"https://lists.test/{list}")))).IsAccepted();
            }
        }

        // All sixteen, since each had gone when it was needed again.
        Assert.Equal(16, lists.Readings);
    }

    private static int Readings(GuardedApi api) => api.Asked.Count(address => address.Contains("status-lists", StringComparison.Ordinal));

    private static TokenBuilder Token(TestAuthority authority, int index) => authority.Token().Claim("status", Reference(index, List));

    private static JsonObject Reference(int index, string address) => new() { ["status_list"] = new JsonObject { ["idx"] = index, ["uri"] = address } };

    private static async Task<string> TokenAsync(HttpClient client)
    {
        using var asked = await client.PostAsync("token", new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["scope"] = "api:read", ["resource"] = Ready.Api }));
        return JsonNode.Parse(await asked.Content.ReadAsStringAsync())!["access_token"]!.GetValue<string>();
    }

    /// <summary>The authority, and lists at lists.test that are signed with its key.</summary>
    private sealed class Lists(TestAuthority authority) : DelegatingHandler(authority.CreateHandler())
    {
        private int _readings;

        public IReadOnlyList<int> Revoked { get; set; } = [];

        /// <summary>Another answer than the list.</summary>
        public Func<TokenBuilder, HttpResponseMessage>? Answer { get; set; }

        /// <summary>No answer before it is set.</summary>
        public TaskCompletionSource? Hold { get; set; }

        public int Readings => _readings;

        public int Unchanged { get; private set; }

        public static string Pack(byte[] statuses)
        {
            using var packed = new MemoryStream();
            using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(statuses);
            return Base64Url.EncodeToString(packed.ToArray());
        }

        public static HttpResponseMessage Message(TokenBuilder list)
        {
            var content = new ByteArrayContent(Encoding.ASCII.GetBytes(list));
            content.Headers.ContentType = new("application/statuslist+jwt");
            return new HttpResponseMessage(HttpStatusCode.OK) { Content = content };
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri!.Host != "lists.test") return await base.SendAsync(request, cancellationToken);
            Interlocked.Increment(ref _readings);
            if (Hold is { } hold) await hold.Task.WaitAsync(cancellationToken);
            var bits = new byte[131_072 / 8];
            foreach (var index in Revoked) bits[index / 8] |= (byte)(1 << (index % 8));
            var list = authority.Token().Header("typ", "statuslist+jwt").Claim("aud", null).Claim("sub", request.RequestUri.OriginalString).Claim("ttl", 15)
                .Claim("status_list", new JsonObject { ["bits"] = 1, ["lst"] = Pack(bits) });
            if (Answer is { } answer) return answer(list);
            var tag = new EntityTagHeaderValue($"\"{string.Join('-', Revoked)}x\"");
            if (request.Headers.IfNoneMatch.Contains(tag))
            {
                Unchanged++;
                return new HttpResponseMessage(HttpStatusCode.NotModified);
            }

            var message = Message(list);
            message.Headers.ETag = tag;
            return message;
        }
    }
}
