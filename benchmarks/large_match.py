"""A large match beside its floor: the product of the embeddings, and the arrays that go in and come out."""

from functools import partial

from benchmarks import common


class LargeMatch(common.Face):
    operation = "large_match"

    def setup(self, *params):
        common.arguments(self.operation, params)

    def track_ratio_to_matrix_product(self, *params):
        """Time over that of the bare product of the embeddings, in float32."""
        arguments = common.arguments(self.operation, params)
        _, job, candidate, _ = arguments
        embed = common.cluster_embedder().embed
        offered, wanted = embed([skill.name for skill in candidate]), embed([skill.name for skill in job]).T
        run = common.OPERATIONS[self.operation].run
        return common.ratio_in_turns(lambda: run(*arguments), lambda: offered @ wanted)

    def track_peak_over_inputs_and_outputs(self, size, read):
        """Peak heap over the bytes of the embeddings, the similarities and, where they are read, pairwise scores."""
        from benchmarks.heap.measure import measure

        matcher, job, candidate, _ = common.arguments(self.operation, (size, read))
        run = common.OPERATIONS[self.operation].run
        peak = measure(partial(run, matcher, job, candidate, read)).peak_bytes
        result = matcher.match(job, candidate)
        outputs = result.similarities.nbytes + (result.pairwise_scores.nbytes if read == "everything" else 0)
        return peak / ((len(job) + len(candidate)) * common.ClusterEmbedder.dim * 4 + outputs)

    track_ratio_to_matrix_product.unit = "times"
    track_peak_over_inputs_and_outputs.unit = "times"
