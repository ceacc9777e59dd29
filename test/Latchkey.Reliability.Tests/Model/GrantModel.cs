namespace Latchkey.Reliability.Tests.Model;

/// <summary>What a client does with a grant.</summary>
/// <param name="Kind">Which endpoint.</param>
/// <param name="Generation">Of the refresh token it presents.</param>
internal readonly record struct Operation(OperationKind Kind, int Generation);

internal enum OperationKind
{
    Refresh,
    Revoke,
    Introspect,
    UserInfo,
}

/// <summary>
/// A grant as docs/explanation/refresh-tokens.md describes it, in a few lines: what the server is compared with. Times in seconds.
/// </summary>
/// <param name="Generation">Of the refresh token that is good.</param>
/// <param name="RotatedAt">Since when.</param>
/// <param name="CreatedAt">When the grant was given.</param>
/// <param name="IsRevoked">Whether it is over.</param>
internal readonly record struct GrantModel(int Generation, long RotatedAt, long CreatedAt, bool IsRevoked)
{
    public const int Leeway = 60;
    public const int Idle = 3600;
    public const int Absolute = 3 * 3600;
    public const int AccessToken = 900;

    /// <summary>One operation by itself.</summary>
    /// <returns>The grant afterwards and the answer: the generation that was given, 1 for yes, 0 for no.</returns>
    public (GrantModel After, int Answer) Apply(Operation operation, long now, long notBefore, long tokenIssuedAt)
    {
        var alive = !IsRevoked && CreatedAt >= notBefore && now < RotatedAt + Idle && now < CreatedAt + Absolute;
        switch (operation.Kind)
        {
            case OperationKind.Revoke:
                return (this with { IsRevoked = true }, 1);
            case OperationKind.UserInfo:
                return (this, !IsRevoked && CreatedAt >= notBefore && now < tokenIssuedAt + AccessToken ? 1 : 0);
            case OperationKind.Introspect:
                return (this, alive && operation.Generation == Generation ? 1 : 0);
            default:
                if (!alive) return (this, 0);
                if (operation.Generation == Generation) return (this with { Generation = Generation + 1, RotatedAt = now }, Generation + 1);
                if (operation.Generation == Generation - 1 && now < RotatedAt + Leeway) return (this, Generation);
                return (this with { IsRevoked = true }, 0);
        }
    }

    /// <summary>Whether some order of operations that ran at once explains their answers and what was left.</summary>
    public static GrantModel? Explain(GrantModel before, IReadOnlyList<(Operation Operation, int Answer)> done, long now, long notBefore, long tokenIssuedAt, Func<GrantModel, bool> isLeft)
    {
        if (done.Count == 0) return isLeft(before) ? before : null;
        for (var i = 0; i < done.Count; i++)
        {
            var (after, answer) = before.Apply(done[i].Operation, now, notBefore, tokenIssuedAt);
            if (answer == done[i].Answer && Explain(after, [.. done.Where((_, other) => other != i)], now, notBefore, tokenIssuedAt, isLeft) is { } found) return found;
        }

        return null;
    }
}
