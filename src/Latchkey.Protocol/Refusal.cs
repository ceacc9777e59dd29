namespace Latchkey.Protocol;

/// <summary>
/// Why something that another party sent was not accepted: which check refused it, which section asks for the check, and what mends it.
/// It never holds a token, a secret or a key, so it may be logged and shown to the developer.
/// </summary>
/// <param name="Code">A stable code, such as <c>LK-JWT-EXPIRED</c>, to count, search and document by.</param>
/// <param name="Reason">One sentence: what was wrong, with what was expected and what came where neither is a secret.</param>
/// <param name="Section">The section that asks for the check, such as <c>RFC 9207 2.4</c>.</param>
/// <param name="Mend">One sentence: what to do about it.</param>
public sealed record Refusal(string Code, string Reason, string Section, string Mend)
{
    /// <summary>All of it on one line.</summary>
    public override string ToString() => $"{Code}: {Reason} {Mend} ({Section})";
}
