namespace Latchkey.ResourceServer.Tokens;

/// <summary>
/// Which tokens came lately, in eight bytes for each. It may forget one at any time, which costs no more than that a signature is verified once more, and
/// takes one for another once in 2^64: it says what is worth remembering, never what is accepted.
/// </summary>
internal sealed class SeenTokens(int capacity)
{
    private readonly ulong[] _marks = new ulong[Math.Max(1, capacity)];

    /// <summary>Whether a token came before, which from now on it has.</summary>
    public bool HasSeen(TokenHash hash)
    {
        var mark = (ulong)hash.Second;
        ref var place = ref _marks[(int)((ulong)hash.First % (ulong)_marks.Length)];
        if (place == mark) return true;
        place = mark;
        return false;
    }
}
