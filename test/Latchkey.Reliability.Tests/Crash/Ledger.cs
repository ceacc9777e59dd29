using System.Net;

namespace Latchkey.Reliability.Tests.Crash;

/// <summary>
/// What a server acknowledged, kept by its client: the oracle of the crash tests. An answer that arrived is a promise; a request without an answer
/// may have been done or not.
/// </summary>
internal sealed class Ledger(OAuthClient app)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Code> _codes = [];
    private readonly List<Chain> _chains = [];
    private TaskCompletionSource? _reached;
    private int _goal;
    private int _unavailable;

    /// <summary>How often the server said 503.</summary>
    public int Unavailable => Volatile.Read(ref _unavailable);

    /// <summary>How many exchanges were acknowledged.</summary>
    public int Acknowledged { get; private set; }

    /// <summary>Ends when so many exchanges were acknowledged.</summary>
    public Task ReachedAsync(int goal)
    {
        lock (_lock)
        {
            (_goal, _reached) = (goal, new(TaskCreationOptions.RunContinuationsAsynchronously));
            Count(0);
            return _reached.Task;
        }
    }

    public IReadOnlyList<Code> Codes => [.. _codes.Values];

    public IReadOnlyList<Chain> Chains
    {
        get
        {
            lock (_lock) return [.. _chains];
        }
    }

    /// <summary>Notes a code that the server gave.</summary>
    public Code Given(AuthorizationRequest request, string code)
    {
        lock (_lock) return _codes[code] = new Code(request, code);
    }

    /// <summary>Redeems a code and notes what came back.</summary>
    public async Task RedeemAsync(Code code)
    {
        var answer = await TryAsync(() => app.RedeemAsync(code.Request, code.Text));
        lock (_lock)
        {
            if (answer is null) return;
            Count(1);
            if (answer.Status != HttpStatusCode.OK) return;
            code.Acknowledgements++;
            if (code.Chain is not null) return;
            code.Chain = new Chain { RefreshToken = answer["refresh_token"]!, AccessToken = answer["access_token"]! };
            _chains.Add(code.Chain);
        }
    }

    /// <summary>Uses a chain's refresh token and notes what came back.</summary>
    public async Task RefreshAsync(Chain chain)
    {
        var answer = await TryAsync(() => app.RefreshAsync(chain.RefreshToken));
        lock (_lock)
        {
            if (answer is null) return;
            Count(1);
            if (answer.Status == HttpStatusCode.OK) (chain.RefreshToken, chain.AccessToken) = (answer["refresh_token"]!, answer["access_token"]!);
            else chain.Refusals.Add(answer.Body);
        }
    }

    /// <summary>Revokes a chain's refresh token, and with it the grant.</summary>
    public async Task RevokeAsync(Chain chain)
    {
        chain.Revocation = Revocation.Unknown;
        if (await TryAsync(() => app.RevokeAsync(chain.RefreshToken)) is { Status: HttpStatusCode.OK }) chain.Revocation = Revocation.Acknowledged;
    }

    /// <summary>Revokes a chain's access token alone.</summary>
    public async Task RevokeAccessTokenAsync(Chain chain)
    {
        var token = chain.AccessToken;
        if (await TryAsync(() => app.RevokeAsync(token)) is not { Status: HttpStatusCode.OK }) return;
        lock (_lock) chain.DeadAccessTokens.Add(token);
    }

    /// <summary>Holds the server to what it acknowledged.</summary>
    /// <returns>A line for each promise that was broken.</returns>
    public async Task<IReadOnlyList<string>> BrokenPromisesAsync()
    {
        var broken = new List<string>();
        await Parallel.ForEachAsync(Chains, Load, async (chain, _) =>
        {
            foreach (var dead in chain.DeadAccessTokens)
                if ((await app.UserInfoAsync(dead)).Status == HttpStatusCode.OK) Add("an access token is alive again after its revocation");
            switch (chain.Revocation)
            {
                case Revocation.Acknowledged:
                    if ((await app.RefreshAsync(chain.RefreshToken)).Status == HttpStatusCode.OK) Add("a refresh token works again after its revocation");
                    break;
                case Revocation.None:
                    foreach (var refusal in chain.Refusals) Add($"a refresh token was refused while the server ran: {refusal}");
                    var answer = await app.RefreshAsync(chain.RefreshToken);
                    if (answer.Status != HttpStatusCode.OK) Add($"an acknowledged refresh token is lost: {answer.Body}");
                    else lock (_lock) (chain.RefreshToken, chain.AccessToken) = (answer["refresh_token"]!, answer["access_token"]!);
                    break;
                default:
                    break; // asked for and not answered: both is right
            }
        });
        return broken;

        void Add(string line)
        {
            lock (broken) broken.Add(line);
        }
    }

    /// <summary>Presents every code again, twice. A replay ends what the code gave, so this comes last.</summary>
    /// <returns>A line for each code that worked more than once.</returns>
    public async Task<IReadOnlyList<string>> CodesThatWorkedTwiceAsync()
    {
        await Parallel.ForEachAsync(Codes, Load, async (code, _) =>
        {
            await RedeemAsync(code);
            await RedeemAsync(code);
        });
        return [.. Codes.Where(code => code.Acknowledgements > 1).Select(code => $"a code was redeemed {code.Acknowledgements} times")];
    }

    private void Count(int more)
    {
        Acknowledged += more;
        if (Acknowledged >= _goal) _reached?.TrySetResult();
    }

    public static ParallelOptions Load => new() { MaxDegreeOfParallelism = 16 };

    private async Task<Answer?> TryAsync(Func<Task<Answer>> call)
    {
        try
        {
            var answer = await call();
            if (answer.Status != HttpStatusCode.ServiceUnavailable) return answer;
            // The server says that it can't say: done or not, as with no answer at all.
            Interlocked.Increment(ref _unavailable);
            return null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}

/// <summary>A code and how often it was answered with tokens.</summary>
internal sealed class Code(AuthorizationRequest request, string text)
{
    public AuthorizationRequest Request => request;

    public string Text => text;

    public int Acknowledgements { get; set; }

    public Chain? Chain { get; set; }
}

/// <summary>A grant as its client knows it: the last tokens that arrived.</summary>
internal sealed class Chain
{
    public required string RefreshToken { get; set; }

    public required string AccessToken { get; set; }

    public Revocation Revocation { get; set; }

    public List<string> Refusals { get; } = [];

    public List<string> DeadAccessTokens { get; } = [];
}

/// <summary>What a client knows of a revocation that it asked for.</summary>
internal enum Revocation
{
    None,
    Unknown,
    Acknowledged,
}
