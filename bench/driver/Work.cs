using System.Globalization;
using System.Text;
using Latchkey.Protocol;

namespace Latchkey.Bench;

/// <summary>What is measured: gets ready what it needs at a server (tokens, sessions), then gives each connection a step to repeat.</summary>
internal abstract class Work
{
    private static readonly (string Name, string Title, Func<Work> Make)[] Kinds =
    [
        ("client_credentials", "client_credentials", () => new ClientCredentials()),
        ("refresh", "refresh, public client, access token", () => new Refresh(BenchClient.Public, Requests.WithoutIdToken)),
        ("refresh+id", "refresh, public client, access and ID token", () => new Refresh(BenchClient.Public, Requests.WithIdToken)),
        ("refresh+secret", "refresh, client with a secret, access and ID token", () => new Refresh(BenchClient.Web, Requests.WithIdToken)),
        ("refresh+dpop", "refresh, public client, access token, bound to a key (DPoP)", () => new Refresh(BenchClient.Public, Requests.WithoutIdToken, isBound: true)),
        ("code", "code flow: /authorize with a session, then /token", () => new CodeFlow()),
        ("introspection", "introspection of an access token", () => new Introspection()),
        ("userinfo", "userinfo", () => new UserInfo()),
        ("discovery", "discovery", () => new Document("/.well-known/openid-configuration")),
        ("jwks", "JWKS", () => new Document(null)),
    ];

    /// <summary>The names of all.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Kinds.Select(kind => kind.Name)];

    /// <summary>What a name means, for people.</summary>
    public static string Title(string name) => Kinds.First(kind => kind.Name == name).Title;

    public static Work Create(string name) => Kinds.First(kind => kind.Name == name).Make();

    /// <summary>Gets ready, and sees once that the server does it rightly.</summary>
    public abstract Task PrepareAsync(Subject subject);

    /// <summary>One operation on a connection.</summary>
    /// <returns>Whether the answer was good.</returns>
    public abstract ValueTask<bool> StepAsync(Connection connection, int index);

    /// <summary>Sends the same request each time.</summary>
    private abstract class Repeated : Work
    {
        private byte[] _request = [];

        public override async Task PrepareAsync(Subject subject)
        {
            _request = await RequestAsync(subject);
            using var connection = new Connection(subject.Port);
            await connection.SendAsync(_request);
            if (connection.Status != 200 || !IsGood(connection)) throw Visitor.Failed(subject, GetType().Name, connection);
        }

        public override async ValueTask<bool> StepAsync(Connection connection, int index) => await connection.SendAsync(_request) == 200 && IsGood(connection);

        protected abstract ValueTask<byte[]> RequestAsync(Subject subject);

        protected virtual bool IsGood(Connection connection) => true;
    }

    private sealed class ClientCredentials : Repeated
    {
        protected override ValueTask<byte[]> RequestAsync(Subject subject) => new(Requests.Post(
            subject, subject.Endpoint("token_endpoint"), $"grant_type=client_credentials&scope={Requests.Escape(Requests.ApiScope)}", BenchClient.Service));

        protected override bool IsGood(Connection connection) => connection.Body.IndexOf("\"access_token\""u8) >= 0;
    }

    /// <summary>
    /// One chain of refresh tokens a connection: each answer's token is used for the next. Where they are bound, each chain has a key of its own, and each
    /// request a fresh proof of it.
    /// </summary>
    private sealed class Refresh(BenchClient client, string scope, bool isBound = false) : Work
    {
        private readonly string?[] _tokens = new string?[Load.Connections];
        private readonly DPoPKey[] _keys = isBound ? [.. Enumerable.Range(0, Load.Connections).Select(_ => DPoPKey.Generate())] : [];
        private string _head = "", _tail = "", _url = "";

        public override async Task PrepareAsync(Subject subject)
        {
            var isFloor = subject.Spec.Works is { } works && works.Contains("floor");
            if (isFloor)
            {
                using var connection = new Connection(subject.Port);
                for (var i = 0; i < _tokens.Length; i++)
                {
                    await connection.SendAsync(Requests.Get(subject, "/seed"));
                    _tokens[i] = connection.Text("\"refresh_token\""u8);
                }
            }
            else
            {
                var sessions = await Visitor.SessionsAsync(subject, client, scope);
                for (var i = 0; i < _tokens.Length; i++) _tokens[i] = await Visitor.TokenAsync(subject, client, scope, sessions[i % sessions.Length], "\"refresh_token\"");
            }

            // The floor is told by the path what it would read from the grant.
            var path = subject.Endpoint("token_endpoint") + (isFloor && scope == Requests.WithIdToken ? "/id" : "");
            (_head, _tail) = (Requests.PostHead(subject, path, client), client.Secret is null ? $"&client_id={client.Id}" : "");
            _url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{subject.Port}{path}");
            if (!isBound) return;

            // The first proof binds a chain; a server that gives a bearer token all the same is not measured.
            using var first = new Connection(subject.Port);
            for (var i = 0; i < _tokens.Length; i++)
            {
                if (!await StepAsync(first, i) || first.Body.IndexOf("\"DPoP\""u8) < 0) throw Visitor.Failed(subject, "a token that is bound to a key", first);
            }
        }

        public override async ValueTask<bool> StepAsync(Connection connection, int index)
        {
            if (_tokens[index] is not { } token) return false;
            var form = $"grant_type=refresh_token&refresh_token={Requests.Escape(token)}{_tail}";
            _tokens[index] = await connection.SendAsync(Encoding.ASCII.GetBytes($"{_head}{form.Length}\r\n{Proof(index)}\r\n{form}")) == 200 ? connection.Text("\"refresh_token\""u8) : null;
            return _tokens[index] is not null;
        }

        private string Proof(int index) =>
            isBound ? $"{DPoPProof.HeaderName}: {DPoPProof.Create(_keys[index], "POST", _url, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds())}\r\n" : "";
    }

    private sealed class CodeFlow : Work
    {
        private Subject _subject = null!;
        private byte[][] _authorize = [];

        public override async Task PrepareAsync(Subject subject)
        {
            _subject = subject;
            var sessions = await Visitor.SessionsAsync(subject, BenchClient.Public, Requests.WithIdToken);
            _authorize = [.. sessions.Select(cookie => Requests.Get(subject, Requests.Authorize(subject, BenchClient.Public, Requests.WithIdToken), cookie))];
            await Visitor.TokenAsync(subject, BenchClient.Public, Requests.WithIdToken, sessions[0], "\"id_token\"");
        }

        public override async ValueTask<bool> StepAsync(Connection connection, int index)
        {
            await connection.SendAsync(_authorize[index % _authorize.Length]);
            return Requests.CodeOf(Encoding.ASCII.GetString(connection.Header("location"u8))) is { } code
                && await connection.SendAsync(Requests.Exchange(_subject, BenchClient.Public, code)) == 200
                && connection.Body.IndexOf("\"refresh_token\""u8) >= 0;
        }
    }

    private sealed class Introspection : Repeated
    {
        protected override async ValueTask<byte[]> RequestAsync(Subject subject)
        {
            var isOpaque = subject.Spec.Introspects == "opaque";
            var client = isOpaque ? BenchClient.Opaque : BenchClient.Service;
            using var connection = new Connection(subject.Port);
            await connection.SendAsync(Requests.Post(
                subject, subject.Endpoint("token_endpoint"), "grant_type=client_credentials" + (isOpaque ? "" : "&scope=" + Requests.Escape(Requests.ApiScope)), client));
            var token = connection.Text("\"access_token\""u8) ?? throw Visitor.Failed(subject, "a token to introspect", connection);
            return Requests.Post(subject, subject.Endpoint("introspection_endpoint"), $"token={Requests.Escape(token)}&token_type_hint=access_token", client);
        }

        protected override bool IsGood(Connection connection) => connection.Body.IndexOf("true"u8) >= 0;
    }

    private sealed class UserInfo : Repeated
    {
        protected override async ValueTask<byte[]> RequestAsync(Subject subject)
        {
            const string Scope = "openid profile email";
            var sessions = await Visitor.SessionsAsync(subject, BenchClient.Public, Scope);
            var token = await Visitor.TokenAsync(subject, BenchClient.Public, Scope, sessions[0], "\"access_token\"");
            return Requests.Get(subject, subject.Endpoint("userinfo_endpoint"), bearer: token);
        }

        protected override bool IsGood(Connection connection) => connection.Body.IndexOf("alice@example.com"u8) >= 0;
    }

    private sealed class Document(string? path) : Repeated
    {
        protected override ValueTask<byte[]> RequestAsync(Subject subject) => new(Requests.Get(subject, path ?? subject.Endpoint("jwks_uri")));
    }
}
